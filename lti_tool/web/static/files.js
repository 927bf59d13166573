// Uploads in pieces (tus 1.0, by tus-js-client). Without this script the forms send small files whole.
(() => {
  "use strict";
  const running = new Set();
  const size = (bytes) => {
    const steps = ["bytes", "kB", "MB", "GB"];
    let n = bytes, i = 0;
    while (n >= 1000 && i < steps.length - 1) { n /= 1000; i += 1; }
    return `${i ? n.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1, minimumFractionDigits: 1 }) : n} ${steps[i]}`;
  };
  const fill = (text, ...parts) => parts.reduce((said, part, i) => said.replace(`%${i + 1}`, part), text);

  // The server knows what is unfinished; the same file goes on where it stopped, on any device.
  const fingerprintOf = (file) => `${file.lastModified} ${file.size} ${file.name}`.slice(0, 300);
  const askList = async (url) => {
    const answer = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
    return new DOMParser().parseFromString(answer?.ok ? await answer.text() : "", "text/html");
  };
  const findUnfinished = async (box, file, replaces) => {
    const list = document.getElementById("files-list") ? document : await askList(box.dataset.page);
    return [...list.querySelectorAll("[data-unfinished]")].find((el) =>
      el.dataset.fingerprint === fingerprintOf(file) && el.dataset.replaces === replaces);
  };

  const refresh = () => {
    const list = document.getElementById("files-list");
    if (list) window.htmx.ajax("GET", window.location.pathname, { target: "#files-list", swap: "outerHTML" });
    else if (!document.querySelector("[data-field]")) window.location.reload();
  };

  const addLine = (box, file) => {
    const line = box.querySelector("template[data-line]").content.firstElementChild.cloneNode(true);
    line.querySelector("[data-name]").textContent = file.name;
    line.querySelector("progress").setAttribute("aria-label", file.name);
    box.querySelector("[data-lines]").append(line);
    return line;
  };

  const start = async (box, file) => {
    const texts = box.dataset, line = addLine(box, file), replaces = texts.replaces || "";
    const bar = line.querySelector("progress");
    const say = (text) => { line.querySelector("[data-say]").textContent = text; };
    const show = (...names) => line.querySelectorAll("[data-do]").forEach((el) => { el.hidden = !names.includes(el.dataset.do); });
    if (file.size > Number(texts.max)) { say(fill(texts.textLarge, size(Number(texts.max)))); show("cancel"); }
    const before = await findUnfinished(box, file, replaces);
    let sent = 0, fileId = null;
    const upload = new window.tus.Upload(file, {
      endpoint: texts.endpoint,
      uploadUrl: before ? before.dataset.unfinished : null,
      chunkSize: Number(texts.chunk),
      retryDelays: [0, 1000, 3000, 5000, 10000, 20000, 30000],
      storeFingerprintForResuming: false,
      metadata: { filename: file.name, fingerprint: fingerprintOf(file), ...(replaces ? { replaces } : {}) },
      onAfterResponse: (request, response) => { fileId = response.getHeader("Coursebridge-File") || fileId; },
      onProgress: (done, all) => { sent = done; bar.value = all ? 100 * done / all : 100; say(fill(texts.textOf, size(done), size(all))); },
      onError: (error) => {
        running.delete(upload);
        const answer = error.originalResponse;
        const isOver = answer && answer.getStatus() >= 400 && answer.getStatus() < 500 && answer.getHeader("Coursebridge-Error");
        say(isOver ? answer.getBody() : texts.textAgain);
        if (isOver) show("cancel"); else show("go", "cancel");
      },
      onSuccess: () => {
        running.delete(upload);
        bar.value = 100; bar.classList.add("done");
        say(texts.textChecking); show();
        if (texts.field) choose(box, fileId, file.name);
        else { line.remove(); refresh(); }
      },
    });
    const go = () => { running.add(upload); show("pause", "cancel"); upload.start(); };
    line.addEventListener("click", async (event) => {
      const what = event.target.closest("[data-do]")?.dataset.do;
      if (what === "go") go();
      if (what === "pause") { running.delete(upload); await upload.abort(); say(fill(texts.textPaused, size(sent), size(file.size))); show("go", "cancel"); }
      if (what === "cancel") { running.delete(upload); line.remove(); await upload.abort(true).catch(() => {}); refresh(); }
    });
    if (before) before.remove();
    if (file.size <= Number(texts.max)) go();
  };

  // In another page's form: the new file is the chosen one.
  const choose = (box, id, name) => {
    const select = box.querySelector("select");
    select.append(new Option(name, id, true, true));
    select.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const setUp = (box) => {
    const input = box.querySelector("input[type=file]");
    const take = (files) => [...files].slice(0, input.multiple ? undefined : 1).forEach((file) => start(box, file));
    box.querySelectorAll("[data-without-script]").forEach((el) => { el.hidden = true; });
    input.required = false;
    input.addEventListener("change", () => { take(input.files); input.value = ""; });
    box.addEventListener("dragover", (event) => { event.preventDefault(); box.classList.add("over"); });
    box.addEventListener("dragleave", () => box.classList.remove("over"));
    box.addEventListener("drop", (event) => { event.preventDefault(); box.classList.remove("over"); take(event.dataTransfer.files); });
  };

  window.addEventListener("beforeunload", (event) => { if (running.size) event.preventDefault(); });
  document.querySelectorAll("[data-upload]").forEach(setUp);
})();
