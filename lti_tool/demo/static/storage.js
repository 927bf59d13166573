// Keeps small data for tools, as https://www.imsglobal.org/spec/lti-pm-s/v0p1 says: per origin, in this page's memory.
(function () {
  "use strict";
  const kept = new Map();
  const target = window.name || "post_message_forwarding";
  const subjects = ["lti.capabilities", "lti.put_data", "lti.get_data", "lti.frameResize"];

  function resize(source, height) {
    for (const frame of document.querySelectorAll("iframe.frame")) {
      if (frame.contentWindow === source && height > 0) frame.style.height = Math.min(height, 5000) + "px";
    }
  }

  window.addEventListener("message", function (event) {
    const asked = event.data;
    if (!asked || typeof asked !== "object" || !event.source || !subjects.includes(asked.subject)) return;
    const reply = { subject: asked.subject + ".response", message_id: asked.message_id };
    const key = JSON.stringify([event.origin, asked.key]);
    if (asked.subject === "lti.capabilities") {
      reply.supported_messages = subjects.map((subject) =>
        subject.endsWith("_data") ? { subject: subject, frame: target } : { subject: subject });
    } else if (asked.subject === "lti.frameResize") {
      resize(event.source, Number(asked.height));
    } else if (typeof asked.key !== "string" || !asked.message_id) {
      reply.error = { code: "bad_request", message: "key and message_id are needed" };
    } else if (asked.subject === "lti.put_data") {
      if (asked.value === null || asked.value === undefined) kept.delete(key); else kept.set(key, String(asked.value));
      reply.key = asked.key;
      reply.value = asked.value;
    } else {
      reply.key = asked.key;
      reply.value = kept.has(key) ? kept.get(key) : null;
    }
    event.source.postMessage(reply, event.origin);
  });
})();
