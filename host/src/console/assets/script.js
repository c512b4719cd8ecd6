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

// Whether the reader has the focus or selected text in a section.
function isInUse(section) {
  if (section.contains(document.activeElement)) return true;
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed && section.contains(selection.anchorNode);
}

// The newest content of sections that were in use when it came, by their ids. A section is sent only when it changes, so
// what is not shown now is shown when the reader has left it.
const waiting = new Map();
setInterval(() => {
  for (const [id, html] of [...waiting]) replace({ id, html });
}, 1000);

// Replaces the content of a section, unless it is in use.
function replace({ id, html }) {
  const section = document.getElementById(id);
  if (section === null) return;
  if (isInUse(section)) {
    waiting.set(id, html);
    return;
  }
  waiting.delete(id);
  const open = opened(section);
  section.innerHTML = html;
  for (const element of section.querySelectorAll("details[id]")) element.open = open.has(element.id);
  localize(section);
}

// Says whether the page may be old, since the console does not send what changes.
function setStale(isStale) {
  const text = document.createElement("p");
  text.className = "problem";
  text.textContent = "This page is not updated at the moment, so it may be old. Either the console does not answer (after a start, it prints a new address), or too many of its pages are open.";
  document.getElementById("live-problem").replaceChildren(...(isStale ? [text] : []));
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
  events.addEventListener("section", (event) => replace(JSON.parse(event.data)));
  events.addEventListener("open", () => setStale(false));
  events.addEventListener("error", () => {
    setStale(true);
    // The browser asks again by itself if a stream breaks, but not if the console has too many of them.
    if (events?.readyState !== EventSource.CLOSED) return;
    events = null;
    setTimeout(listen, 10_000);
  });
}

localize(document);
document.addEventListener("visibilitychange", listen);
listen();

// Adds a button to each block of commands below an element that copies it.
function addCopyButtons(root) {
  for (const block of root.querySelectorAll("pre.copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy the commands";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = "Copied";
    });
    block.after(button);
  }
}

addCopyButtons(document);

// A button can require a field that other buttons of its form do not, such as the reason for a canary.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  for (const other of button?.form?.elements ?? []) {
    const id = other.dataset.requires;
    if (id !== undefined) document.getElementById(id).required = other === button;
  }
}, true);
// Try: runs the rules when nothing was typed for this many milliseconds.
const TRY_PAUSE = 400;
// A chosen file is read up to here, and up to so many lines.
const TRY_FILE_BYTES = 2 * 1024 * 1024;
const TRY_FILE_LINES = 1000;

function tryRules(form) {
  const outcome = document.getElementById("try-outcome");
  const status = document.getElementById("try-status");
  const fields = document.getElementById("try-config-fields");
  let timer = 0;
  let running = null;
  let showing = null;
  let isTyped = history.state !== null;

  // Sends the form, as a button of it would; the answer is a piece of HTML.
  async function post(path, button, signal) {
    const body = new URLSearchParams(new FormData(form, button));
    const response = await fetch(path, { method: "POST", headers: { "x-fragment": "1" }, body, signal });
    return response.text();
  }

  // What was typed is kept with the entry of the history, so that Back and a reload have it.
  function keep() {
    if (isTyped) history.replaceState([...new FormData(form)], "");
  }

  function restore() {
    for (const [name, value] of history.state ?? []) {
      const field = form.elements[name];
      // The number of the last change of the rollout is that of the page.
      if (field === undefined || name === "seen") continue;
      const isOffered = field.options === undefined || [...field.options].some((option) => option.value === value);
      if (isOffered) field.value = value;
    }
  }

  function say(error) {
    status.textContent = `The console does not answer (${error.message}). Is it still running?`;
  }

  // Runs at once. A run that goes on is given up.
  async function run() {
    clearTimeout(timer);
    running?.abort();
    keep();
    const own = new AbortController();
    running = own;
    status.textContent = "Running…";
    outcome.classList.add("running");
    try {
      const html = await post("/try/run", null, own.signal);
      const open = opened(outcome);
      outcome.innerHTML = html;
      for (const element of outcome.querySelectorAll("details[id]")) element.open = open.has(element.id);
      localize(outcome);
      addCopyButtons(outcome);
      status.textContent = "Done.";
    } catch (error) {
      if (own.signal.aborted) return;
      say(error);
    }
    outcome.classList.remove("running");
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(run, TRY_PAUSE);
  }

  // Shows the fields for the configuration of the rules that are chosen. An answer for others is dropped.
  async function showFields() {
    showing?.abort();
    const own = new AbortController();
    showing = own;
    try {
      fields.innerHTML = await post("/try/config", null, own.signal);
    } catch (error) {
      if (!own.signal.aborted) say(error);
    }
  }

  // The configuration of the kind of rules that is chosen.
  function configuration() {
    return form.elements[`config_${form.elements.rules.value}`];
  }

  // What is typed into a field of the configuration; nothing leaves the member out.
  function valueOf(field) {
    const kind = field.dataset.kind;
    if (kind === "choices") return [...field.querySelectorAll("input:checked")].map((input) => input.value);
    const text = field.value;
    if (text === "") return undefined;
    if (kind === "boolean") return text === "true";
    if (kind === "list") return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
    if (kind === "number") return Number.isFinite(Number(text)) ? Number(text) : text;
    return text;
  }

  function configure(field) {
    let config;
    try {
      config = JSON.parse(configuration().value.trim() || "{}");
    } catch (error) {
      status.textContent = `The transform configuration is not JSON (${error.message}), so its fields do not change it.`;
      return;
    }
    if (config === null || typeof config !== "object" || Array.isArray(config)) {
      status.textContent = "The transform configuration is no JSON object, so its fields do not change it.";
      return;
    }
    config[field.dataset.config] = valueOf(field);
    configuration().value = JSON.stringify(config, null, 2);
    later();
  }

  // Bytes as a text; null if they are none.
  function textOf(bytes) {
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      return text.includes("\0") ? null : text;
    } catch {
      return null;
    }
  }

  // Takes a file as a component, a program or records, by its name.
  async function take(file) {
    if (file.name.endsWith(".wasm")) return upload(file);
    const isProgram = file.name.endsWith(".jq");
    let isCut = file.size > TRY_FILE_BYTES;
    if (isProgram && isCut) {
      status.textContent = `${file.name} has more than 2 MiB, so it was not read. Use sluice transform try for it.`;
      return;
    }
    let bytes = new Uint8Array(await file.slice(0, TRY_FILE_BYTES).arrayBuffer());
    // The line in which a large file is cut is left out: a character can be cut too.
    if (isCut) bytes = bytes.subarray(0, bytes.lastIndexOf(10) + 1);
    let text = textOf(bytes);
    if (text === null) {
      status.textContent = `${file.name} is not a text in UTF-8. Use sluice transform try for compressed files.`;
      return;
    }
    if (!isProgram) {
      const lines = text.split("\n");
      if (lines.at(-1) === "") lines.pop();
      isCut ||= lines.length > TRY_FILE_LINES;
      text = lines.slice(0, TRY_FILE_LINES).join("\n");
    }
    const left = isCut ? ` Only its first ${TRY_FILE_LINES} lines or 2 MiB are taken.` : "";
    isTyped = true;
    form.elements[isProgram ? "rules" : "source"].value = isProgram ? "jq" : "pasted";
    form.elements[isProgram ? "jq" : "records"].value = text;
    await run();
    status.textContent += ` ${file.name} was read.${left}`;
  }

  async function upload(file) {
    status.textContent = `Sending ${file.name}…`;
    try {
      const response = await fetch("/try/component", { method: "POST", body: file });
      const text = await response.text();
      if (!response.ok) {
        status.textContent = `${file.name}: ${text}`;
        return;
      }
      const { digest, name } = JSON.parse(text);
      const select = form.elements.component;
      for (const option of [...select.options]) if (option.value === digest) option.remove();
      select.add(new Option(`${name} (${digest.slice(0, 8)})`, digest, true, true));
      isTyped = true;
      form.elements.rules.value = "component";
      configuration().value = "";
      await showFields();
      await run();
    } catch (error) {
      say(error);
    }
  }

  form.addEventListener("input", (event) => {
    isTyped = true;
    if (event.target.name) later();
  });
  form.addEventListener("change", (event) => {
    if (event.target.type === "file") {
      if (event.target.files.length > 0) take(event.target.files[0]);
      return;
    }
    const field = event.target.closest("[data-config]");
    if (field !== null) configure(field);
    else if (/^(rules|release|component|config_.*)$/.test(event.target.name)) showFields();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
  });
  form.addEventListener("dragover", (event) => event.preventDefault());
  form.addEventListener("drop", (event) => {
    const file = event.dataTransfer.files[0];
    if (file === undefined) return;
    event.preventDefault();
    take(file);
  });
  // Buttons that load or publish work without a script.
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (button?.name === "case" || button?.name === "remove") {
      event.preventDefault();
      try {
        document.getElementById("try-cases").innerHTML = await post("/try/cases", button);
        // They are published with the rules, which is said beside the button that does it.
        const published = document.getElementById("try-published");
        const message = document.getElementById("try-cases-message");
        if (published !== null && message !== null) published.textContent = message.dataset.published;
      } catch (error) {
        say(error);
      }
    } else if (button === null || button.id === "try-run") {
      event.preventDefault();
      run();
    } else {
      keep();
    }
  });

  restore();
  for (const element of document.querySelectorAll(".script-only")) element.hidden = false;
  showFields();
  const isPasted = new FormData(form).get("source") === "pasted";
  if (!isPasted || form.elements.records.value !== "") run();
}

const tryForm = document.getElementById("try-form");
if (tryForm !== null) tryRules(tryForm);
