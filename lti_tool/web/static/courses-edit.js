// The editor of courses: what is typed is kept, pictures are pasted, items are dragged. Everything works without it too.
(() => {
  "use strict";
  const bridge = window.coursebridge;

  // Keep what is typed: a second after the last key, at once when the page is left.
  document.querySelectorAll("form[data-autosave]").forEach((form) => {
    const state = form.querySelector("[data-kept-at]");
    let timer = 0, changed = false, leaving = false;
    const body = () => {
      const data = new FormData(form);
      data.delete("upload");
      return data;
    };
    const keep = async () => {
      changed = false;
      try {
        const answer = await fetch(form.dataset.autosave, { method: "POST", body: body() });
        if (!answer.ok) throw answer;
        const { saved_at: at } = await answer.json();
        const time = new Intl.DateTimeFormat(bridge.lang, { hour: "numeric", minute: "2-digit" }).format(new Date(at));
        state.textContent = form.dataset.kept.replace("%t", time);
        state.classList.remove("bad");
      } catch (failure) {
        changed = true;
        const refused = failure.status >= 400 && failure.status < 500; // the session is over, say: later is no better
        const said = refused ? form.dataset.over : form.dataset.lost;
        if (state.textContent !== said) bridge.announce(said); // once: a phone has shown no status until now
        state.textContent = said;
        state.classList.add("bad");
        clearTimeout(timer);
        if (!refused) timer = setTimeout(keep, 5000);
      }
    };
    form.addEventListener("input", () => {
      changed = true;
      clearTimeout(timer);
      timer = setTimeout(keep, 1000);
    });
    form.addEventListener("submit", (event) => {
      if (event.submitter?.formTarget === "_blank") return; // the page stays
      leaving = true;
      clearTimeout(timer);
    });
    window.addEventListener("pagehide", () => { if (changed && !leaving) navigator.sendBeacon(form.dataset.autosave, body()); });
  });

  // What was typed before the scripts were there counts as typed now: it is previewed and kept.
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-editor] textarea").forEach((area) => {
    if (area.value !== area.defaultValue) area.dispatchEvent(new Event("input", { bubbles: true }));
  }));

  // Pictures and files pasted or dropped into the text.
  const insert = (area, text) => {
    area.focus();
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };
  document.querySelectorAll("[data-paste]").forEach((box) => {
    const area = box.querySelector("textarea");
    const send = async (file) => {
      const state = box.closest("form")?.querySelector("[data-kept-at]"), before = state?.textContent;
      const said = box.dataset.uploading.replace("%n", file.name || "picture.png");
      if (state) state.textContent = said; else bridge.announce(said);
      const data = new FormData();
      data.append("file", file, file.name || "picture.png");
      try {
        const answer = await fetch(box.dataset.paste, { method: "POST", body: data });
        const found = await answer.json();
        if (answer.ok) insert(area, `${found.markdown}\n`);
        else bridge.toast(found.error, "bad");
      } catch {
        bridge.toast(box.dataset.failed, "bad"); // no answer, or one that is not the editor's
      } finally {
        if (state?.textContent === said) state.textContent = before;
      }
    };
    area.addEventListener("paste", (event) => {
      const files = [...event.clipboardData.files];
      if (!files.length) return;
      event.preventDefault();
      files.forEach(send);
    });
    area.addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("Files")) event.preventDefault(); });
    area.addEventListener("drop", (event) => {
      const files = [...event.dataTransfer.files];
      if (!files.length) return;
      event.preventDefault();
      files.forEach(send);
    });
  });

  // Items are dragged within and between modules; the buttons do the same from the keyboard. Without an address to send
  // the order to, it stays in the page: its form has a field in each part.
  document.querySelectorAll("[data-arrange]").forEach((outline) => {
    let held = null;
    outline.querySelectorAll("[data-item]").forEach((item) => { item.draggable = true; });
    outline.addEventListener("dragstart", (event) => {
      held = event.target.closest?.("[data-item]");
      if (!held) return;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", held.dataset.item);
      held.classList.add("held");
    });
    outline.addEventListener("dragover", (event) => {
      const list = held && event.target.closest("[data-module]")?.querySelector("[data-items]");
      if (!list) return;
      event.preventDefault();
      const over = event.target.closest("[data-item]");
      if (!over) list.append(held);
      else if (over !== held) {
        const box = over.getBoundingClientRect();
        over[event.clientY < box.top + box.height / 2 ? "before" : "after"](held);
      }
    });
    outline.addEventListener("drop", (event) => { if (held) event.preventDefault(); });
    outline.addEventListener("dragend", () => {
      if (!held) return;
      held.classList.remove("held");
      held = null;
      if (!outline.dataset.arrange) {
        const state = outline.closest("form").querySelector("[data-saved]");
        state.textContent = outline.dataset.said;
        outline.querySelectorAll(".move button").forEach((button) => { button.disabled = false; });
        return;
      }
      const form = Object.assign(document.createElement("form"), { method: "post", action: outline.dataset.arrange, hidden: true });
      const add = (name, value) => form.append(Object.assign(document.createElement("input"), { name, value }));
      add("base", outline.dataset.base);
      outline.querySelectorAll("[data-module]").forEach((module) => {
        add("entry", `module/${module.dataset.module}`);
        module.querySelectorAll("[data-item]").forEach((item) => add("entry", `item/${item.dataset.item}`));
      });
      document.body.append(form);
      form.requestSubmit();
    });
  });
})();
