/* tasks/dag_dot.c: a graph as DOT, for Graphviz: a box a task, an arrow from each task to those
 * that read its result, a dashed one to those that only come later. */
#include "tasks/dag.h"

static void add_quoted(mr_text *text, const char *label)
{
    for (; *label; label++) {
        const unsigned char c = (unsigned char)*label;
        if (c == '"' || c == '\\')
            mr_text_add(text, "\\", 1);
        mr_text_add(text, c < ' ' || c == 127 ? "?" : label, 1);
    }
}

static void add_task(mr_text *text, const mr_delayed *task)
{
    mr_text_printf(text, "    t%llu [label=\"", (unsigned long long)task->number);
    add_quoted(text, task->kind->name);
    if (task->key.data) {
        mr_text_printf(text, "\\n");
        add_quoted(text, task->key.data);
    }
    mr_text_printf(text, "\"%s];\n", task->keep ? ", peripheries=2" : "");
}

static void add_edges(mr_text *text, const mr_delayed *task)
{
    for (const mr_dag_edge *edge = task->before; edge; edge = edge->next_of_to)
        mr_text_printf(text, "    t%llu -> t%llu%s;\n", (unsigned long long)edge->from->number,
                       (unsigned long long)task->number, edge->reads ? "" : " [style=dashed]");
}

void mr_dag_draw(const mr_dag *dag, mr_text *text)
{
    mr_text_printf(text, "digraph \"");
    add_quoted(text, dag->name);
    mr_text_printf(text, "\" {\n    node [shape=box];\n");
    for (const mr_delayed *task = dag->first; task; task = task->next)
        add_task(text, task);
    for (const mr_delayed *task = dag->first; task; task = task->next)
        add_edges(text, task);
    mr_text_printf(text, "}\n");
}
