// Speaks with the LMS's storage (LTI Client Side postMessages): keeps a secret there, or asks for it, then goes on.
(() => {
  "use strict";
  const page = document.getElementById("storage").dataset;
  const form = document.querySelector("#storage form");
  const deadline = performance.now() + Number(page.patience);

  // The frame that the LMS named. Where it is missing (in an editor, say) the LMS's own page may answer.
  const findKeeper = () => {
    if (window.parent === window) return null;
    let named = null;
    try { named = window.parent.frames[page.target]; } catch { /* no frame of this name */ }
    return page.target !== "_parent" && named ? named : window.parent;
  };
  const keeper = findKeeper();

  // Only the LMS's own origin is told anything, and only it is heard. Answers null when nothing comes in time.
  const ask = (subject, more) => new Promise((resolve) => {
    if (!keeper) { resolve(null); return; }
    const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");
    const finish = (answer) => {
      clearTimeout(timer);
      window.removeEventListener("message", hear);
      resolve(answer);
    };
    const hear = (event) => {
      const said = event.data;
      if (event.origin !== page.origin || !said || said.message_id !== id || said.subject !== subject + ".response") return;
      finish(said.error ? null : said);
    };
    const timer = setTimeout(() => finish(null), Math.max(0, deadline - performance.now()));
    window.addEventListener("message", hear);
    keeper.postMessage({ subject, message_id: id, key: page.key, ...more }, page.origin);
  });

  const store = async () => {
    const put = await ask("lti.put_data", { value: page.secret });
    const kept = put && await ask("lti.get_data", {});
    window.location.replace(kept && kept.value === page.secret ? page.storedUrl : page.silentUrl);
  };

  const recall = async () => {
    const kept = await ask("lti.get_data", {});
    if (kept && typeof kept.value === "string") form.elements.stored.value = kept.value;
    if (keeper) keeper.postMessage({ subject: "lti.put_data", message_id: "gone", key: page.key, value: null }, page.origin);
    form.submit();
  };

  if (form) recall(); else store();
})();
