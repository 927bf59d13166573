// Marking by hand: chosen items of the rubric are added up, and keys do what the links and buttons do. Works without it too.
(() => {
  "use strict";
  const form = document.querySelector("form[data-marking]");
  if (!form) return;
  const bridge = window.coursebridge, points = form.elements.points, comment = form.elements.comment;
  const boxes = [...form.querySelectorAll("input[name=item]")];
  form.elements.summed.value = "1";

  const number = (text) => Number(text.replace(",", ".").replace("−", "-")) || 0;
  const addUp = () => {
    const sum = boxes.reduce((total, box) => total + (box.checked ? number(box.dataset.points) : 0), 0);
    points.value = String(Math.round(Math.min(Math.max(sum, 0), number(form.dataset.most)) * 1e4) / 1e4);
    bridge.announce(form.dataset.sum.replace("%n", points.value));
  };

  // What was typed and not saved is asked about before the page goes.
  let changed = "unsaved" in form.dataset;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("change", (event) => { if (event.target.name === "item") { changed = true; addUp(); } });
  form.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });

  // Single keys can be switched off: people who speak to their browser would set them off by words.
  const name = "coursebridge-marking-keys", choice = document.querySelector("[data-keys-on]");
  const kept = () => { try { return localStorage.getItem(name) !== "off"; } catch { return true; } };
  choice.checked = kept();
  choice.addEventListener("change", () => { try { localStorage.setItem(name, choice.checked ? "on" : "off"); } catch { /* for this page only */ } });

  const go = (link) => { if (link) link.click(); else bridge.announce(form.dataset.last); };
  const forward = () => go(document.querySelector("[data-following]"));
  const back = () => go(document.querySelector("[data-previous]"));
  const rtl = document.dir === "rtl";
  const keys = {
    j: forward, k: back,
    ArrowRight: rtl ? back : forward, ArrowLeft: rtl ? forward : back,
    p: () => { points.focus(); points.select(); },
    c: () => comment.focus(),
    "?": () => document.querySelector("[data-dialog=keys]").click(),
    Enter: () => form.requestSubmit(form.querySelector(".primary")),
  };
  const isText = (el) => el.matches("textarea, select, input:not([type=checkbox])");

  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.defaultPrevented || event.isComposing || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey || at.closest("[data-rubric-edit]"))) {
      if (at.matches("button, summary")) return;
      event.preventDefault();
      form.requestSubmit(form.querySelector(at.closest("[data-rubric-edit]") ? "[data-save-rubric]" : ".primary"));
      return;
    }
    if (event.ctrlKey || event.metaKey) return;
    if (isText(at)) { if (event.key === "Escape") at.blur(); return; }
    if (!choice.checked && event.key.length === 1) return;
    if (event.key === "Enter" && at.matches("a, button, summary")) return;
    if (event.key.startsWith("Arrow") && at.matches("pre, .table")) return;
    const box = boxes.find((each) => each.dataset.key === event.key);
    const act = box ? () => box.click() : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
})();
