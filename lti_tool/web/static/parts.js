// Components that do more with a script: tabs, dialogs, menus, toasts, filters, the editor. Loaded after app.js on every page.
(() => {
  "use strict";
  const bridge = window.coursebridge, root = document.documentElement;

  // Times in forms come in UTC; here they are the writer's own.
  const pad = (number) => String(number).padStart(2, "0");
  const localValue = (at) => `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
  document.querySelectorAll("[data-zone]").forEach((field) => {
    field.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
    field.form.querySelectorAll("[data-local]").forEach((input) => {
      const at = new Date(`${input.value}Z`);
      if (!Number.isNaN(at.getTime())) input.value = localValue(at);
    });
  });

  // Tabs: links to sections become tabs (WAI-ARIA pattern, arrow keys move, the address remembers the choice).
  const showTab = (set, tab, focus) => {
    set.querySelectorAll("[role=tab]").forEach((el) => {
      const on = el === tab;
      el.setAttribute("aria-selected", on);
      el.tabIndex = on ? 0 : -1;
      document.getElementById(el.hash.slice(1)).hidden = !on;
    });
    if (focus) tab.focus();
  };
  const makeTabs = (set) => {
    const links = [...set.querySelectorAll(":scope > .tabs a")];
    const nav = set.querySelector(".tabs");
    const list = nav.querySelector("ul");
    nav.setAttribute("role", "presentation");
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", nav.getAttribute("aria-label"));
    nav.removeAttribute("aria-label");
    links.forEach((link) => {
      const panel = document.getElementById(link.hash.slice(1));
      link.parentElement.setAttribute("role", "presentation");
      link.setAttribute("role", "tab");
      link.id ||= `${panel.id}-tab`;
      link.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", link.id);
      panel.removeAttribute("aria-label");
      panel.tabIndex = 0;
    });
    showTab(set, links.find((link) => link.hash === location.hash) || links[0]);
    set.addEventListener("click", (event) => {
      const link = event.target.closest("[role=tab]");
      if (!link) return;
      event.preventDefault();
      showTab(set, link);
      history.replaceState(history.state, "", link.hash);
    });
    set.addEventListener("keydown", (event) => {
      const at = links.indexOf(event.target);
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] * (document.dir === "rtl" ? -1 : 1);
      const to = { Home: 0, End: links.length - 1 }[event.key] ?? (at + step + links.length) % links.length;
      if (at < 0 || Number.isNaN(to)) return;
      event.preventDefault();
      showTab(set, links[to], true);
    });
  };

  // Dialogs: native, so focus and Escape are the browser's.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog) { event.preventDefault(); dialog.showModal(); return; }
    if (event.target.matches?.("dialog[open]")) {
      const box = event.target.getBoundingClientRect();
      if (event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom) event.target.close();
    }
    document.querySelectorAll("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
    event.target.closest("[data-dismiss]")?.closest("[data-toast]").remove();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.matches("a[data-dialog]")) { event.preventDefault(); event.target.click(); }
    const menu = event.key === "Escape" && event.target.closest("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  // A menu opens to the side that has room.
  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!menu.matches?.("details.menu[open]")) return;
    menu.classList.remove("from-start");
    const box = menu.querySelector(".menu-body").getBoundingClientRect();
    menu.classList.toggle("from-start", box.left < 0 || box.right > root.clientWidth);
  }, true);

  // Toasts go after six seconds, unless somebody is at them or they say that something went wrong.
  const leave = (toast) => setTimeout(() => {
    if (toast.matches(":hover, :focus-within")) leave(toast); else toast.remove();
  }, 6000);
  const settle = (toast) => {
    if (toast.dataset.settled) return;
    toast.dataset.settled = "yes";
    if (!toast.matches(".bad")) leave(toast);
  };
  bridge.toast = (text, kind = "info") => {
    const home = document.getElementById("toasts");
    const toast = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
    toast.classList.add(kind);
    toast.querySelector("[data-text]").textContent = text;
    home.append(toast);
    home.hidePopover?.(); // in front of a dialog, if one is open
    home.showPopover?.();
    settle(toast);
  };
  document.addEventListener("coursebridge:toast", (event) => bridge.toast(event.detail.text, event.detail.kind));

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });

  // A text area as high as its text, where the browser cannot do it itself.
  const grow = (area) => { area.style.height = "auto"; area.style.height = `${area.scrollHeight + 2}px`; };
  document.addEventListener("input", (event) => { if (event.target.matches("[data-grows]")) grow(event.target); });

  bridge.onPart((part) => {
    part.querySelectorAll("[data-tabs]").forEach(makeTabs);
    part.querySelectorAll("a[data-dialog]").forEach((el) => el.setAttribute("role", "button"));
    part.querySelectorAll("#toasts [data-toast]").forEach(settle);
    part.querySelectorAll("[data-no-script]").forEach((el) => { el.hidden = true; });
    part.querySelectorAll("[data-grows]").forEach(grow);
    part.querySelector("[data-focus]")?.focus({ preventScroll: true });
  });
})();
