// The player: our controls over the browser's own <video>, captions, a transcript that follows, and what was watched.
// Tells what was watched with the event "coursebridge:watch" on the document; progress.js listens, keeps and saves.
(() => {
  "use strict";
  const { announce = () => {}, lang } = window.coursebridge || {};
  const TELL_EVERY_S = 1, STEP_S = 5, LONG_STEP_S = 10, FREE_SCROLL_MS = 4000;
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  const clock = (seconds) => {
    const s = Math.max(0, Math.floor(seconds || 0)), two = (n) => String(n).padStart(2, "0");
    return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
  };

  const makePlayer = (root) => {
    const find = (name) => root.querySelector(`[data-${name}]`);
    const video = find("video"), bar = find("bar"), seek = find("seek"), main = find("main");
    const tracks = [...video.querySelectorAll("track")].map((el) => el.track);
    const known = Number(root.dataset.duration) || 0;
    const length = () => (Number.isFinite(video.duration) && video.duration > 0 ? video.duration : known);
    let language = find("language")?.value || tracks[0]?.language;
    let shows = tracks.some((track) => track.mode === "showing") || Boolean(video.querySelector("track[default]"));

    const keep = (name, value) => {
      const body = new URLSearchParams({ [name]: value });
      fetch(root.dataset.preferences, { method: "POST", body, keepalive: true }).catch(() => {});
    };

    // ---- What was watched: ranges of the video, closed by every pause and jump; progress.js keeps and sends them ----
    let from = null, to = null;
    const tell = (flush) => {
      if (!root.dataset.ref) return;
      const detail = { ref: root.dataset.ref, from: from ?? 0, to: to ?? 0, position: video.currentTime, duration: length(), flush };
      document.dispatchEvent(new CustomEvent("coursebridge:watch", { detail }));
    };
    const begin = () => { from = to = video.currentTime; };
    const close = (flush) => {
      if (from === null) return;
      tell(flush);
      from = to = null;
    };
    video.addEventListener("playing", () => { if (from === null) begin(); });
    video.addEventListener("timeupdate", () => {
      const now = video.currentTime;
      if (from !== null && !video.seeking) {
        if (now < to || now - to > 2 * video.playbackRate + 1) { close(); begin(); } else to = now;
        if (to - from >= TELL_EVERY_S) { tell(); from = to; }
      }
      showTime();
    });
    video.addEventListener("seeking", () => close());
    video.addEventListener("seeked", () => { if (video.paused) tell(); else begin(); });
    video.addEventListener("pause", () => { if (from !== null && !video.seeking) to = Math.max(to, video.currentTime); close(true); });
    video.addEventListener("ended", () => { if (from !== null) to = length(); close(true); });
    document.addEventListener("visibilitychange", () => { if (document.hidden && from !== null) { tell(); from = to; } }, { capture: true });
    window.addEventListener("pagehide", () => close(), { capture: true });

    // ---- Controls ----
    const play = () => { hideOffer(); video.play().catch(() => {}); };
    const toggle = () => (video.paused ? play() : video.pause());
    const go = (seconds) => { video.currentTime = Math.min(Math.max(0, seconds), length() || seconds); showTime(); };
    const showTime = () => {
      const now = video.currentTime, all = length();
      seek.max = all;
      if (document.activeElement !== seek || !seek.matches(":active")) seek.value = now;
      seek.setAttribute("aria-valuetext", seek.dataset.value.replace("%n", clock(now)).replace("%a", clock(all)));
      find("now").textContent = clock(now);
      find("all").textContent = clock(all);
      follow(now);
    };
    const showState = () => {
      const playing = !video.paused && !video.ended, button = find("play");
      main.toggleAttribute("data-playing", playing);
      button.title = button.querySelector("[data-label]").textContent = playing ? button.dataset.labelPause : button.dataset.labelPlay;
      main.toggleAttribute("data-muted", video.muted || video.volume === 0);
      find("mute")?.setAttribute("aria-pressed", String(video.muted));
    };
    const setRate = (rate, isChosen) => {
      video.defaultPlaybackRate = video.playbackRate = rate;
      find("rate").value = [...find("rate").options].find((option) => Number(option.value) === rate)?.value;
      if (isChosen) { keep("speed", rate); announce(`${rate} ×`); }
    };
    const changeRate = (by) => {
      const rates = [...find("rate").options].map((option) => Number(option.value));
      setRate(rates[Math.min(rates.length - 1, Math.max(0, rates.indexOf(video.playbackRate) + by))] || 1, true);
    };
    const showCaptions = () => {
      tracks.forEach((track) => { track.mode = track.language !== language ? "disabled" : shows ? "showing" : "hidden"; });
      find("captions")?.setAttribute("aria-pressed", String(shows));
    };
    const toggleCaptions = () => {
      if (!tracks.length) return;
      shows = !shows;
      showCaptions();
      keep("captions", shows ? language : "off");
    };
    const full = () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else if (document.fullscreenEnabled) main.requestFullscreen().catch(() => {});
      else video.webkitEnterFullscreen?.();
    };
    const hideOffer = () => { const offer = find("offer"); if (offer) offer.hidden = true; };

    const on = (name, event, call) => find(name)?.addEventListener(event, call);
    on("play", "click", toggle);
    on("mute", "click", () => { video.muted = !video.muted; });
    on("captions", "click", toggleCaptions);
    on("full", "click", full);
    on("rate", "change", (event) => setRate(Number(event.target.value), true));
    on("seek", "input", () => go(Number(seek.value)));
    on("language", "change", (event) => { language = event.target.value; showCaptions(); keep("captions", shows ? language : "off"); rebuild(); });
    on("go-on", "click", () => { go(Number(root.dataset.resume)); play(); video.focus(); });
    on("from-start", "click", () => { go(0); play(); video.focus(); });
    video.addEventListener("click", () => { video.focus(); toggle(); });
    video.addEventListener("dblclick", full);
    ["play", "playing", "pause", "ended", "volumechange"].forEach((name) => video.addEventListener(name, showState));
    video.addEventListener("play", hideOffer);
    ["loadedmetadata", "durationchange", "seeked"].forEach((name) => video.addEventListener(name, showTime));
    video.addEventListener("loadedmetadata", () => setRate(video.defaultPlaybackRate));

    // Keys work while the focus is in the player (WCAG 2.1.4); what a control does with a key by itself comes first.
    const keys = {
      k: toggle, " ": toggle,
      j: () => go(video.currentTime - LONG_STEP_S), l: () => go(video.currentTime + LONG_STEP_S),
      ArrowLeft: () => go(video.currentTime - STEP_S), ArrowRight: () => go(video.currentTime + STEP_S),
      ArrowUp: () => { video.volume = Math.min(1, video.volume + 0.1); }, ArrowDown: () => { video.volume = Math.max(0, video.volume - 0.1); },
      c: toggleCaptions, f: full, m: () => { video.muted = !video.muted; }, "<": () => changeRate(-1), ">": () => changeRate(1),
      Home: () => go(0), End: () => go(length()),
    };
    root.addEventListener("keydown", (event) => {
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, at = event.target;
      if (!keys[key] || event.ctrlKey || event.altKey || event.metaKey || at.closest("input:not([type=range]), select, textarea")) return;
      if (key === " " && at.closest("button, summary, a, [role=button]")) return;
      if (/^(Arrow|Home|End)/.test(key) && at.closest("[data-transcript]")) return;
      event.preventDefault();
      keys[key]();
    });

    // ---- The transcript: follows, can be clicked, walked with the arrows and searched ----
    const list = find("cues");
    let lines = [], current = null, freeUntil = 0;
    const prepare = () => {
      lines = [...list.children].map((el) => ({ el, start: Number(el.dataset.start), end: Number(el.dataset.end) }));
      lines.forEach(({ el }, index) => { el.setAttribute("role", "button"); el.tabIndex = index ? -1 : 0; });
      list.removeAttribute("tabindex");
      list.setAttribute("role", "group");
    };
    const rebuild = () => {
      const track = tracks.find((one) => one.language === language);
      if (!list || !track) return;
      const fill = () => {
        list.replaceChildren(...[...track.cues].map((cue) => {
          const line = document.createElement("li"), time = document.createElement("span"), text = document.createElement("span");
          const name = /<v ([^>]+)>/.exec(cue.text)?.[1];
          Object.assign(line.dataset, { start: cue.startTime, end: cue.endTime });
          time.className = "cue-time num"; time.textContent = clock(cue.startTime);
          text.className = "cue-text"; text.textContent = (name ? `${name}: ` : "") + cue.getCueAsHTML().textContent.replace(/\s+/g, " ");
          line.append(time, " ", text);
          return line;
        }));
        list.lang = language;
        current = null;
        prepare();
        search();
        follow(video.currentTime);
      };
      if (track.cues?.length) fill();
      else video.querySelector(`track[srclang="${CSS.escape(language)}"]`).addEventListener("load", fill, { once: true });
    };
    const reach = (line) => {
      const top = line.offsetTop - list.offsetTop - (list.clientHeight - line.offsetHeight) / 3;
      list.scrollTo({ top, behavior: still.matches ? "auto" : "smooth" });
    };
    const follow = (now) => {
      if (!lines.length) return;
      let low = 0, high = lines.length;
      while (low < high) { const middle = (low + high) >> 1; if (lines[middle].start <= now + 0.05) low = middle + 1; else high = middle; }
      const line = low ? lines[low - 1].el : null;
      if (line === current) return;
      current?.removeAttribute("aria-current");
      line?.setAttribute("aria-current", "true");
      current = line;
      if (line && performance.now() > freeUntil && !find("find").value && !list.contains(document.activeElement)) reach(line);
    };
    const choose = (line) => { if (!line) return; go(Number(line.dataset.start)); hideOffer(); if (video.paused) play(); };
    const search = () => {
      const wanted = find("find").value.trim().toLocaleLowerCase(lang), found = find("found");
      let count = 0, first = null;
      lines.forEach(({ el }) => {
        const text = el.querySelector(".cue-text"), whole = text.textContent, at = wanted ? whole.toLocaleLowerCase(lang).indexOf(wanted) : -1;
        el.hidden = Boolean(wanted) && at < 0;
        if (at < 0) { text.textContent = whole; return; }
        const mark = document.createElement("mark");
        mark.textContent = whole.slice(at, at + wanted.length);
        text.replaceChildren(whole.slice(0, at), mark, whole.slice(at + wanted.length));
        count += 1;
        first ||= el;
      });
      lines.forEach(({ el }) => { el.tabIndex = -1; });
      const entry = first || (wanted ? null : lines[0]?.el);
      if (entry) entry.tabIndex = 0;
      found.textContent = !wanted ? "" : count === 0 ? found.dataset.none : count === 1 ? found.dataset.one : found.dataset.many.replace("%n", count);
      list.scrollTop = 0;
    };
    if (list) {
      prepare();
      find("search").hidden = false;
      list.addEventListener("click", (event) => { if (!String(getSelection())) choose(event.target.closest("li")); });
      list.addEventListener("keydown", (event) => {
        const shown = lines.map(({ el }) => el).filter((el) => !el.hidden), at = shown.indexOf(event.target);
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(event.target.closest("li")); return; }
        const next = { ArrowDown: shown[at + 1], ArrowUp: shown[at - 1], Home: shown[0], End: shown[shown.length - 1] }[event.key];
        if (!next) return;
        event.preventDefault();
        shown.forEach((el) => { el.tabIndex = -1; });
        next.tabIndex = 0;
        next.focus();
      });
      ["wheel", "touchmove"].forEach((name) => list.addEventListener(name, () => { freeUntil = performance.now() + FREE_SCROLL_MS; }, { passive: true }));
      find("find").addEventListener("input", search);
      find("transcript").addEventListener("toggle", (event) => keep("transcript", event.target.open ? "open" : "closed"));
    }

    // ---- When it does not load: a fresh address once (signed ones expire), then a word and a button ----
    let tries = 0, at = 0;
    const reload = () => {
      at = video.currentTime || at;
      const goesOn = !video.paused;
      video.load();
      video.addEventListener("loadedmetadata", () => { if (at) go(at); if (goesOn) play(); }, { once: true });
    };
    video.addEventListener("error", () => {
      close();
      if (tries++ < 1) { reload(); return; }
      find("error").hidden = false;
      find("error-text").textContent = root.dataset.failed;
    });
    video.addEventListener("playing", () => { tries = 0; find("error").hidden = true; });
    find("error").querySelector("button").addEventListener("click", () => { find("error").hidden = true; tries = 1; reload(); });

    // ---- Start ----
    video.controls = false;
    video.tabIndex = 0;
    bar.hidden = false;
    find("full").hidden = !(document.fullscreenEnabled || video.webkitEnterFullscreen);
    if (find("offer")) find("offer").hidden = false;
    setRate(Number(root.dataset.speed) || 1);
    showCaptions();
    showState();
    showTime();
    if (video.error) video.dispatchEvent(new Event("error"));
  };

  // The teacher's page: the time where the player stands, as the poster's.
  document.addEventListener("click", (event) => {
    const field = event.target.closest("[data-use-now]") && document.querySelector("[data-second]");
    if (field) field.value = clock(document.querySelector("[data-video]").currentTime);
  });

  // Another site's player is loaded when somebody asks for it, not before.
  document.addEventListener("click", (event) => {
    const root = event.target.closest("[data-embed-show]")?.closest("[data-embed]");
    if (!root) return;
    const frame = Object.assign(document.createElement("iframe"), {
      src: root.dataset.embed, title: root.getAttribute("aria-label"), allow: "fullscreen; picture-in-picture; encrypted-media",
      referrerPolicy: "strict-origin",  // YouTube refuses a page that does not say where it is
    });
    root.querySelector(".embed-box").replaceChildren(frame);
    frame.focus();
  });

  const start = () => document.querySelectorAll("[data-player]").forEach(makePlayer);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
