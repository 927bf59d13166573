// Coursebridge's one script. Every page works without it; this only saves effort.
(() => {
  "use strict";
  const root = document.documentElement;
  const lang = navigator.languages.find((tag) => tag.split("-")[0] === root.lang.split("-")[0]) || root.lang;
  if (window.top === window.self) root.classList.add("standalone");

  // Times are sent in UTC and shown in the reader's own zone; data-time is short, at, long or date.
  const styles = {
    date: { dateStyle: "medium" },
    long: { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" },
    day: { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" },
    today: { hour: "numeric", minute: "2-digit" },
  };
  const showTimes = (part) => part.querySelectorAll("time[data-time]").forEach((el) => {
    const at = new Date(el.dateTime);
    if (Number.isNaN(at.getTime())) return;
    const now = new Date();
    const isToday = at.toDateString() === now.toDateString();
    const style = styles[el.dataset.time]
      || (isToday ? styles.today : at.getFullYear() === now.getFullYear() ? styles.day : { ...styles.day, year: "numeric" });
    const text = new Intl.DateTimeFormat(lang, style).format(at);
    el.title = new Intl.DateTimeFormat(lang, styles.long).format(at);
    el.textContent = isToday && el.dataset.at ? el.dataset.at.replace("%t", text) : text;
  });

  // Say a change of state to screen readers, once.
  let said = "";
  const announce = (text) => {
    const region = document.getElementById("live");
    if (!region || !text || text === said) return;
    said = text;
    region.textContent = text;
  };
  const news = (part) => part.querySelector("[data-announce]")?.dataset.announce;

  // A button that needs this script is hidden until it is here.
  const reveal = (part) => part.querySelectorAll("[data-needs-script]").forEach((el) => { el.hidden = false; });
  // What scrolls sideways can be scrolled by keyboard.
  const openScrollers = (part) => part.querySelectorAll(".prose table").forEach((el) => {
    if (el.scrollWidth > el.clientWidth) el.tabIndex = 0;
  });
  // What others do with every new part of a page (parts.js and the plugins' scripts): coursebridge.onPart(part => …).
  const tasks = [];
  const prepare = (part) => { showTimes(part); reveal(part); openScrollers(part); tasks.forEach((task) => task(part)); };
  let started = false;
  const onPart = (task) => { tasks.push(task); if (started) task(document); };
  window.coursebridge = { announce, onPart, lang };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // A frame may not use the clipboard: fall back to the selection.
      const box = Object.assign(document.createElement("textarea"), { value: button.dataset.copy, className: "sr" });
      document.body.append(box);
      box.select();
      const copied = document.execCommand("copy");
      box.remove();
      button.focus();
      if (!copied) return;
    }
    const label = button.querySelector("[data-label]");
    label.dataset.label ||= label.textContent;
    label.textContent = button.dataset.copied;
    announce(button.dataset.copied);
    setTimeout(() => { label.textContent = label.dataset.label; said = ""; }, 2000);
  });

  // One click sends one form. The button comes back for a new window, and when the page is shown again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (event.submitter?.formTarget === "_blank") return; // only looks at what the form would do
    form.dataset.sent = "yes";
    const buttons = form.querySelectorAll("button:not([type=button])");
    buttons.forEach((b) => b.setAttribute("aria-disabled", "true"));
    if (form.target === "_blank") setTimeout(() => release(form), 2000);
  });
  const release = (form) => {
    delete form.dataset.sent;
    form.querySelectorAll("[aria-disabled]").forEach((b) => b.removeAttribute("aria-disabled"));
  };
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(release));

  // The picker says how many are chosen.
  const count = (form) => {
    const n = form.querySelectorAll("input[data-counted]:checked").length;
    const out = form.querySelector("[data-count]");
    if (out) out.textContent = n === 0 ? out.dataset.none : n === 1 ? out.dataset.one : out.dataset.many.replace("%n", n);
  };
  document.addEventListener("change", (event) => { if (event.target.form) count(event.target.form); });

  // Live status (htmx): new times, new words, and an honest line when the connection is gone.
  const offline = (is) => document.querySelectorAll("[data-offline]").forEach((el) => { el.hidden = !is; });
  document.addEventListener("htmx:load", (event) => { prepare(event.detail.elt); announce(news(event.detail.elt) || event.detail.elt.dataset?.announce); });
  document.addEventListener("htmx:sendError", () => offline(true));
  document.addEventListener("htmx:responseError", () => offline(true));
  document.addEventListener("htmx:afterOnLoad", () => offline(false));

  // Back from another window (JupyterLab, say): a page that wants to asks for itself again, unless somebody is at
  // something. What was saved a moment ago is still on its way to the course, so it looks twice more.
  let cameBack = Date.now(), soon = 0;
  const look = () => {
    const busy = document.querySelector("main details[open], main form[data-sent]");
    if (!document.hidden && !busy) document.body.dispatchEvent(new Event("coursebridge:return"));
  };
  const comeBack = () => {
    clearTimeout(soon);
    const wait = cameBack + 2000 - Date.now();
    if (wait > 0) soon = setTimeout(comeBack, wait);
    if (document.hidden || wait > 0) return;
    cameBack = Date.now();
    [0, 3000, 8000].forEach((ms) => setTimeout(look, ms));
  };
  let focused = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const version = event.detail.target.dataset.version;
    if (version && event.detail.serverResponse.includes(`data-version="${version}"`)) event.detail.shouldSwap = false;
    focused = document.activeElement?.closest("form")?.getAttribute("action");
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (focused && document.activeElement === document.body) {
      document.querySelector(`form[action="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
    }
  });
  document.addEventListener("visibilitychange", comeBack);
  window.addEventListener("focus", comeBack);
  root.addEventListener("pointerenter", comeBack);

  const start = () => {
    started = true;
    prepare(document);
    said = news(document) || "";
    // On a phone the navigation scrolls sideways: where one is has to be in sight.
    const bar = document.querySelector(".top nav ul"), current = bar?.querySelector("[aria-current]");
    if (current) bar.scrollLeft += current.getBoundingClientRect().right - bar.getBoundingClientRect().right;
    document.querySelectorAll("form").forEach(count);
    const here = document.querySelector(".top nav [aria-current]"); // a phone has no room for all of them
    if (here) here.closest("ul").scrollLeft = here.offsetLeft - here.closest("ul").offsetLeft - 16;
    document.querySelector("form[data-autosubmit]")?.requestSubmit();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
