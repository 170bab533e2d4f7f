/* page.js: what a report can do beyond being read: a read-out below the pointer, tables that sort, the
 * report to save. Without it nothing is missing but that. */
(function () {
  "use strict";
  var data = document.getElementById("report");
  var report = JSON.parse(data.textContent);

  /* ---- The timeline: when, who, at what ---- */

  function seconds(value) {
    if (value >= 120) return Math.floor(value / 60) + " min " + Math.floor(value % 60) + " s";
    return value >= 1 ? value.toFixed(2) + " s" : (value * 1000).toFixed(1) + " ms";
  }

  function readTimeline(box) {
    var readout = box.nextElementSibling;
    var cursor = box.appendChild(document.createElement("div"));
    cursor.className = "cursor";
    cursor.hidden = true;
    box.addEventListener("pointermove", function (event) {
      var row = event.target.closest(".row");
      var drawing = row && row.querySelector("svg");
      var place = drawing && drawing.getBoundingClientRect();
      var at = place ? (event.clientX - place.left) / place.width : -1;
      cursor.hidden = at < 0 || at > 1;
      if (cursor.hidden) return;
      cursor.style.left = event.clientX - box.getBoundingClientRect().left + "px";
      var kind = event.target.getAttribute("class") || "";
      readout.textContent = row.firstElementChild.textContent + " at " +
        seconds(at * Number(box.dataset.seconds)) + ": " +
        (kind.indexOf("k-") === 0 ? kind.slice(2) : "nothing told");
    });
    box.addEventListener("pointerleave", function () {
      cursor.hidden = true;
      readout.textContent = "\u00a0";
    });
  }

  /* ---- The heat map: from whom to whom, how much ---- */

  function bytes(value) {
    var units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], unit = 0;
    for (; value >= 1023.5 && unit < 5; unit++) value /= 1024;
    return (unit ? value.toPrecision(3) : value) + " " + units[unit];
  }

  /* Of a report that is too large to be in the page: by the colour. */
  function about(cell) {
    var level = Number((cell.getAttribute("class") || "h0").slice(1));
    return level ? "up to " + Math.round(level * 100 / 8) + "% of the most" : "nothing";
  }

  function readHeat(drawing) {
    var rows = (report.exchange || {}).matrix, names = (report.exchange || {}).nodes;
    var readout = drawing.closest(".heat").nextElementSibling;
    drawing.addEventListener("pointermove", function (event) {
      var place = drawing.getBoundingClientRect(), count = drawing.viewBox.baseVal.width;
      var to = Math.floor((event.clientX - place.left) / place.width * count);
      var from = Math.floor((event.clientY - place.top) / place.height * count);
      readout.textContent = "from " + (names ? names[from] : from) + " to " + (names ? names[to] : to) + ": " +
        (rows && rows[from] ? bytes(rows[from][to]) : about(event.target));
    });
    drawing.addEventListener("pointerleave", function () { readout.textContent = "\u00a0"; });
  }

  /* ---- Tables ---- */

  var units = {
    B: 1, KiB: 1024, MiB: 1048576, GiB: 1073741824, TiB: 1099511627776, PiB: 1125899906842624,
    ns: 1e-9, "\u00b5s": 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, "%": 1
  };

  /* "4 min 05 s" and "1.5 GiB" as one number each; NaN for what is none. */
  function number(text) {
    var found = false, sum = 0;
    text.replace(/,/g, "").replace(/(-?[0-9.]+(?:e[-+]?[0-9]+)?)\s*([a-zA-Z\u00b5%]*)/g, function (all, value, unit) {
      found = true;
      sum += Number(value) * (units[unit] || 1);
    });
    return found ? sum : NaN;
  }

  function compare(a, b) {
    var first = number(a), second = number(b);
    if (isNaN(first) || isNaN(second)) return isNaN(first) - isNaN(second) || a.localeCompare(b);
    return first - second;
  }

  function sortBy(table, heading, column) {
    var up = heading.getAttribute("aria-sort") === "descending";
    var body = table.tBodies[0];
    Array.from(body.rows).map(function (row, place) {
      return { row: row, place: place, text: row.cells[column].textContent };
    }).sort(function (a, b) {
      return (up ? 1 : -1) * compare(a.text, b.text) || a.place - b.place;
    }).forEach(function (item) { body.appendChild(item.row); });
    Array.from(table.tHead.rows[0].cells).forEach(function (cell) { cell.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  }

  function makeSortable(table) {
    if (table.tBodies[0].rows.length < 3) return;
    Array.from(table.tHead.rows[0].cells).forEach(function (heading, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.title = "sort";
      button.textContent = heading.textContent;
      heading.textContent = "";
      heading.appendChild(button);
      button.addEventListener("click", function () { sortBy(table, heading, column); });
    });
  }

  /* ---- The report, to be saved ---- */

  function offer() {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = "Save the report as JSON";
    button.addEventListener("click", function () {
      var link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([JSON.stringify(report, null, 1)], { type: "application/json" }));
      link.download = (report.app || "mapred") + "-report.json";
      link.click();
      setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
    });
    document.querySelector("footer").appendChild(button);
  }

  document.querySelectorAll(".timeline").forEach(readTimeline);
  document.querySelectorAll(".heat svg").forEach(readHeat);
  document.querySelectorAll("table:not(.matrix)").forEach(makeSortable);
  offer();
})();
