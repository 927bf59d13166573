// Keeps small data for tools as Canvas does (https://www.imsglobal.org/spec/lti-pm-s/v0p1): per origin, in this
// browser, with limits. Only pages of an installed tool are answered, and each reads what its own origin wrote.
(function () {
  "use strict";
  const target = window.name || "post_message_forwarding";
  const origins = document.currentScript.dataset.origins.split(" ");
  const subjects = ["lti.capabilities", "lti.put_data", "lti.get_data", "lti.frameResize"];
  const MOST_KEYS = 500, MOST_CHARACTERS = 4096;
  const prefix = (origin) => "lti|platform_storage|" + origin + "|";

  function resize(source, height) {
    for (const frame of document.querySelectorAll("iframe.frame")) {
      if (frame.contentWindow === source && height > 0) frame.style.height = Math.min(height, 5000) + "px";
    }
  }

  function isFull(origin, key, value) {
    const mine = Object.keys(localStorage).filter((name) => name.startsWith(prefix(origin)) && name !== prefix(origin) + key);
    const used = mine.reduce((sum, name) => sum + name.length - prefix(origin).length + localStorage.getItem(name).length, 0);
    return mine.length >= MOST_KEYS || used + key.length + value.length > MOST_CHARACTERS;
  }

  function put(reply, origin, key, value) {
    if (!value) {
      localStorage.removeItem(prefix(origin) + key);
    } else if (isFull(origin, key, String(value))) {
      reply.error = { code: "storage_exhaustion", message: "Reached the limit for this tool" };
      return;
    } else {
      localStorage.setItem(prefix(origin) + key, String(value));
      reply.value = value;
    }
    reply.key = key;
  }

  window.addEventListener("message", function (event) {
    const asked = event.data;
    if (!asked || typeof asked !== "object" || !event.source || !subjects.includes(asked.subject)) return;
    if (!origins.includes(event.origin)) return;
    const reply = { subject: asked.subject + ".response", message_id: asked.message_id };
    if (asked.subject === "lti.capabilities") {
      reply.supported_messages = subjects.map((subject) =>
        subject.endsWith("_data") ? { subject: subject, frame: target } : { subject: subject });
    } else if (asked.subject === "lti.frameResize") {
      resize(event.source, Number(asked.height));
    } else if (!asked.key || typeof asked.key !== "string" || !asked.message_id) {
      reply.error = { code: "bad_request", message: "key and message_id are needed" };
    } else if (asked.subject === "lti.put_data") {
      put(reply, event.origin, asked.key, asked.value);
    } else {
      reply.key = asked.key;
      reply.value = localStorage.getItem(prefix(event.origin) + asked.key);
    }
    event.source.postMessage(reply, event.origin);
  });
})();
