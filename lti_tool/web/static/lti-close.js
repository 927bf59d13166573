// Tells the LMS that the registration is over, so that it closes the window or frame (LTI Dynamic Registration 1.0, 3.6).
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-lti-close]")) return;
  const host = window.opener || window.parent;
  host.postMessage({ subject: "org.imsglobal.lti.close" }, "*");
});
