// Tells the server what a learner has seen and watched. Nothing is sent twice in vain and nothing is lost: what is not
// confirmed stays in the browser and is sent again; the server merges, so that order and repetition do not matter.
// A player says document.dispatchEvent(new CustomEvent("coursebridge:watch", {detail: {from, to, position, duration}})).
(() => {
  "use strict";
  const box = document.querySelector("[data-progress]");
  if (!box) return;
  const { url, who, ref: page } = box.dataset;
  const TICK = 5000, IDLE = 60000, EVERY = 15000, SEEN = 3000, LONGEST_WAIT = 120000;

  // The server's clock, as of the moment that this page came; corrected by its answers.
  const began = performance.timeOrigin + (performance.getEntriesByType("navigation")[0]?.responseStart || 0);
  let ahead = Number(box.dataset.now) - began;
  const now = () => Math.round(Date.now() + ahead);

  // What is kept: one entry for each page and item, so that two tabs never write the same one.
  // A frame may be refused storage: then it is kept in memory, and the beacon at the end has to do.
  const prefix = `coursebridge.progress.${who}.`;
  let shelf = new Map();
  try {
    localStorage.setItem(prefix, "");
    localStorage.removeItem(prefix);
    shelf = {
      set: (key, text) => localStorage.setItem(prefix + key, text),
      get: (key) => localStorage.getItem(prefix + key),
      delete: (key) => localStorage.removeItem(prefix + key),
      keys: () => Object.keys(localStorage).filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length)),
    };
  } catch { /* in memory */ }

  const drafts = new Map();
  const draftOf = (ref) => {
    let draft = drafts.get(ref);
    if (!draft || draft.active.length > 190 || draft.watched.length > 390) {
      const id = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
      draft = { id, ref, at: 0, seen: false, active: [], watched: [] };
      drafts.set(ref, draft);
    }
    return draft;
  };
  const keep = (draft) => {
    draft.at = now();
    try { shelf.set(draft.id, JSON.stringify(draft)); } catch { shelf = new Map([[draft.id, JSON.stringify(draft)]]); }
  };
  const extend = (ranges, from, to, gap) => {
    const last = ranges.at(-1);
    if (last && from >= last[0] && from <= last[1] + gap) last[1] = Math.max(last[1], to);
    else ranges.push([from, to]);
  };

  // Time counts while the page is in sight and somebody is at it: a key, a pointer, a scroll, or a video that plays.
  let touched = Date.now(), beaten = now(), visible = !document.hidden;
  ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "scroll"].forEach((name) =>
    addEventListener(name, () => { touched = Date.now(); }, { passive: true, capture: true }));
  const beat = () => {
    const from = beaten, to = now();
    beaten = to;
    // a timer that comes late was asleep with the machine: that was no reading
    if (!visible || Date.now() - touched > IDLE || to <= from || to - from > 3 * TICK) return;
    const draft = draftOf(page);
    extend(draft.active, from, to, 1000);
    keep(draft);
  };
  setInterval(beat, TICK);
  let looking = 0;
  const look = () => {
    clearTimeout(looking);
    if (visible) looking = setTimeout(() => { const draft = draftOf(page); draft.seen = true; keep(draft); flush(); }, SEEN);
  };

  document.addEventListener("coursebridge:watch", ({ detail }) => {
    const draft = draftOf(detail.ref || page), tenth = (number) => Math.max(0, Math.round(number * 10) / 10);
    if (detail.to > detail.from) {
      extend(draft.watched, tenth(detail.from), tenth(detail.to), 0.5);
      touched = Date.now();
    }
    if (Number.isFinite(detail.position)) draft.position = tenth(detail.position);
    if (Number.isFinite(detail.duration)) draft.duration = tenth(detail.duration);
    keep(draft);
    if (detail.flush) flush();
  });

  // What to say: when it was saved last, or that it is kept here.
  const time = new Intl.DateTimeFormat(window.coursebridge?.lang || document.documentElement.lang || undefined, { hour: "numeric", minute: "2-digit" });
  let said = "";
  const say = (state) => {
    box.textContent = box.dataset[state].replace("%t", time.format(new Date()));
    box.dataset.state = state;
    const live = document.getElementById("live");
    if (live && said && said !== state) live.textContent = box.textContent;
    said = state;
  };

  const batch = (most) => {
    const texts = new Map();
    let size = 200;
    for (const key of shelf.keys()) {
      const text = shelf.get(key);
      if (!text || texts.size >= most || (size += text.length + 1) > 60000) continue;
      texts.set(key, text);
    }
    return texts;
  };
  const bodyOf = (texts) => `{"who":${JSON.stringify(who)},"saves":[${[...texts.values()].join(",")}]}`;
  const confirm = (texts, ids) => ids.forEach((id) => {
    if (shelf.get(id) !== texts.get(id)) return; // it has grown meanwhile
    shelf.delete(id);
    for (const [ref, draft] of drafts) if (draft.id === id) drafts.delete(ref);
  });

  let busy = false, over = false, wait = 0, retry = 0, most = 50;
  const flush = async () => {
    clearTimeout(retry);
    const texts = batch(most);
    if (busy || over || !texts.size) return;
    busy = true;
    try {
      const answer = await fetch(url, {
        method: "POST", body: bodyOf(texts), headers: { "Content-Type": "application/json" }, signal: AbortSignal.timeout?.(15000),
      });
      if ([401, 403, 409].includes(answer.status)) { over = true; say("over"); return; }
      if ([400, 413].includes(answer.status)) {
        // One of them cannot be read: send them one by one, and drop the one that is refused alone.
        if (most === 1) confirm(texts, [...texts.keys()]);
        most = 1;
      } else {
        if (!answer.ok) throw new Error(answer.status);
        const { saved, unknown, at } = await answer.json();
        confirm(texts, [...saved, ...unknown]);
        if (Math.abs(at - now()) > 10000) ahead = at - Date.now();
        most = 50;
        say("saved");
        document.dispatchEvent(new CustomEvent("coursebridge:saved"));
      }
      wait = 0;
    } catch {
      say("offline");
      wait = Math.min(2 * wait || 2000, LONGEST_WAIT);
      retry = setTimeout(flush, wait * (0.75 + Math.random() / 2));
    } finally {
      busy = false;
    }
    if (!wait && [...batch(1).keys()].some((key) => !texts.has(key))) flush();
  };
  setInterval(flush, EVERY);
  addEventListener("online", () => { wait = 0; flush(); });

  // The page may be gone in a moment: a beacon outlives it. What it sent stays kept until a later answer confirms it.
  const leave = () => {
    beat();
    const texts = batch(50);
    if (texts.size && !over) navigator.sendBeacon?.(url, new Blob([bodyOf(texts)], { type: "application/json" }));
  };
  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) leave();
    visible = !document.hidden;
    beaten = now();
    if (visible) { touched = Date.now(); look(); flush(); }
    else clearTimeout(looking);
  });
  look();
  flush();
})();
