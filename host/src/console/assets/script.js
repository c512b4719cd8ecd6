// Local times, and live sections.
"use strict";

const localTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// Shows the moments below an element in the time zone of the browser. Their title is UTC.
function localize(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (!Number.isNaN(moment.getTime())) element.textContent = localTime.format(moment);
  }
}

// What a reader has opened below an element.
function opened(section) {
  return new Set([...section.querySelectorAll("details[open][id]")].map((element) => element.id));
}

// Replaces the content of a section, unless the reader is at work in it.
function replace({ id, html }) {
  const section = document.getElementById(id);
  if (section === null || section.contains(document.activeElement)) return;
  const selection = getSelection();
  if (selection !== null && !selection.isCollapsed && section.contains(selection.anchorNode)) return;
  const open = opened(section);
  section.innerHTML = html;
  for (const element of section.querySelectorAll("details[id]")) element.open = open.has(element.id);
  localize(section);
}

// Sections are sent while the page is visible: a browser has few connections to one address.
let events = null;
function listen() {
  if (document.visibilityState !== "visible" || document.querySelector("[data-live]") === null) {
    events?.close();
    events = null;
    return;
  }
  if (events !== null) return;
  const page = encodeURIComponent(location.pathname + location.search);
  events = new EventSource(`/live?page=${page}`);
  events.addEventListener("section", (event) => {
    document.querySelector("main").classList.remove("stale");
    replace(JSON.parse(event.data));
  });
  events.addEventListener("open", () => document.querySelector("main").classList.remove("stale"));
  events.addEventListener("error", () => document.querySelector("main").classList.add("stale"));
}

localize(document);
document.addEventListener("visibilitychange", listen);
listen();
