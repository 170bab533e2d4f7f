/*
 * plugin/check.c: whether a descriptor says all that the framework will rely on. Pure: it reads the
 * descriptor and nothing else.
 */
#include "plugin/load.h"

#include <stdalign.h>
#include <string.h>

#define BAD(...) mr_error_set(error, MR_BAD_PLUGIN, __VA_ARGS__)

/* Letters, digits and dashes, a letter first: what can be typed behind two dashes. */
static bool is_option_name(const char *name)
{
    if (!((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z')))
        return false;
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return name[size] == '\0';
}

static mr_status check_fold(const mr_app *app, const char *path, mr_error *error)
{
    const mr_fold *fold = app->fold;
    if (!fold)
        return BAD("plugin is not whole: %s: it has no fold: set .fold, MR_COUNT for example, "
                   "or .reduce",
                   path);
    if (!fold->merge)
        return BAD("plugin is not whole: %s: its fold has no merge function", path);
    if (!fold->show)
        return BAD("plugin is not whole: %s: its fold has no show function", path);
    if (fold->size == 0)
        return BAD("plugin is not whole: %s: its fold's accumulator has no size: set .size", path);
    if ((fold->flags & MR_FOLD_PLAIN_SUM) && fold->size != sizeof(int64_t))
        return BAD("plugin does not fit: %s: its fold is a plain sum of %u bytes: one has 8", path,
                   fold->size);
    return MR_OK;
}

static mr_status check_input(const mr_app *app, const char *path, mr_error *error)
{
    if ((unsigned)app->input > MR_INPUT_ROWS)
        return BAD("plugin does not fit: %s: it has an unknown kind of input: %u", path,
                   (unsigned)app->input);
    if (app->element != 0 && mr_element_size(app->element) == 0)
        return BAD("plugin does not fit: %s: it wants an unknown kind of element: %u", path,
                   (unsigned)app->element);
    if (app->input == MR_INPUT_RECORDS && app->record_size == 0)
        return BAD("plugin is not whole: %s: its records have no size: set .record_size", path);
    return MR_OK;
}

static mr_status check_folded(const mr_app *app, const char *path, mr_error *error)
{
    MR_TRY(check_fold(app, path, error));
    if ((unsigned)app->key > MR_KEY_TUPLE)
        return BAD("plugin does not fit: %s: it has an unknown kind of key: %u", path,
                   (unsigned)app->key);
    if (app->key > MR_KEY_DENSE)
        return BAD("plugin does not fit: %s: it folds, and its keys are not bytes, MR_KEY_I64 or "
                   "MR_KEY_DENSE: set .key to one of them",
                   path);
    if (app->key == MR_KEY_DENSE && app->dense_count == 0)
        return BAD("plugin is not whole: %s: it has dense keys, but no count: set .dense_count",
                   path);
    return MR_OK;
}

/* `name` is the field of the descriptor. */
static mr_status check_shape(const mr_shape *shape, const char *name, const char *path,
                             mr_error *error)
{
    const char *fields = shape->tuple;
    if ((unsigned)shape->key > MR_KEY_TUPLE)
        return BAD("plugin does not fit: %s: .%s has an unknown kind of key: %u", path, name,
                   (unsigned)shape->key);
    if ((unsigned)shape->value > MR_VALUE_NONE)
        return BAD("plugin does not fit: %s: .%s has an unknown kind of value: %u", path, name,
                   (unsigned)shape->value);
    if (shape->key == MR_KEY_DENSE)
        return BAD("plugin does not fit: %s: .%s has dense keys, which only a fold can have: use "
                   "MR_KEY_U64",
                   path, name);
    if (shape->key != MR_KEY_TUPLE)
        return MR_OK;
    if (!fields || !*fields)
        return BAD("plugin is not whole: %s: .%s has tuples as keys, but no fields: set .tuple",
                   path, name);
    if (fields[strspn(fields, "biuf")] != '\0')
        return BAD("plugin does not fit: %s: .%s has tuples of '%s': a field is one of b i u f",
                   path, name, fields);
    return MR_OK;
}

static mr_status check_reduced(const mr_app *app, const char *path, mr_error *error)
{
    if (app->fold)
        return BAD("plugin does not fit: %s: it has a reduce and a fold: set one of them", path);
    MR_TRY(check_shape(&app->pairs, "pairs", path, error));
    return check_shape(&app->result, "result", path, error);
}

static mr_status check_driver(const mr_app *app, const char *path, mr_error *error)
{
    const char *other = app->map      ? "map kernel"
                        : app->reduce ? "reduce kernel"
                        : app->fold   ? "fold"
                                      : NULL;
    if (other)
        return BAD("plugin does not fit: %s: it has a driver and a %s: set .run alone", path,
                   other);
    return MR_OK;
}

/* An app is one of three: it maps and folds, it maps and reduces, or it has a driver. */
static mr_status check_way(const mr_app *app, const char *path, mr_error *error)
{
    if (app->run)
        return check_driver(app, path, error);
    if (!app->map)
        return BAD("plugin is not whole: %s: it has no map kernel: set .map, or .run", path);
    MR_TRY(check_input(app, path, error));
    return app->reduce ? check_reduced(app, path, error) : check_folded(app, path, error);
}

typedef struct place {
    size_t size, alignment;
} place;

/* How an option's value lies in the state; size 0 for an unknown type. */
static place place_of(mr_option_type type)
{
    switch (type) {
    case MR_OPTION_FLAG:
        return (place){sizeof(bool), alignof(bool)};
    case MR_OPTION_I64:
        return (place){sizeof(int64_t), alignof(int64_t)};
    case MR_OPTION_F64:
        return (place){sizeof(double), alignof(double)};
    case MR_OPTION_SIZE:
        return (place){sizeof(uint64_t), alignof(uint64_t)};
    case MR_OPTION_TEXT:
        return (place){sizeof(const char *), alignof(const char *)};
    }
    return (place){0, 1};
}

static mr_status check_option(const mr_app *app, const mr_option *option, const char *path,
                              mr_error *error)
{
    place at = place_of(option->type);
    if (!is_option_name(option->name))
        return BAD("plugin does not fit: %s: option '%s': a name is letters, digits and dashes",
                   path, option->name);
    if (at.size == 0)
        return BAD("plugin does not fit: %s: option --%s: unknown type %u", path, option->name,
                   (unsigned)option->type);
    if (option->offset > app->state_size || at.size > app->state_size - option->offset)
        return BAD("plugin does not fit: %s: option --%s: its offset lies outside the app's state: "
                   "set .state_size",
                   path, option->name);
    if (option->offset % at.alignment != 0)
        return BAD("plugin does not fit: %s: option --%s: its offset fits no value of its type",
                   path, option->name);
    if (option->required && option->type == MR_OPTION_FLAG)
        return BAD("plugin does not fit: %s: option --%s: a flag can't be required", path,
                   option->name);
    for (const mr_option *other = app->options; other != option; other++)
        if (strcmp(other->name, option->name) == 0)
            return BAD("plugin does not fit: %s: option --%s: there are two of it", path,
                       option->name);
    return MR_OK;
}

mr_status mr_app_check(const mr_app *app, const char *path, mr_error *error)
{
    if (!app->name || !*app->name)
        return BAD("plugin is not whole: %s: it has no name: set .name", path);
    MR_TRY(check_way(app, path, error));
    for (const mr_option *option = app->options; option && option->name; option++)
        MR_TRY(check_option(app, option, path, error));
    return MR_OK;
}
