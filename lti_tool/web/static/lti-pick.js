// The picker: what is ticked goes to the LMS in the order of the ticks, and the search hides what does not fit at once.
(() => {
  const form = document.querySelector("form[data-pick]"), search = document.querySelector("form[data-pick-search]");
  if (!form) return;
  const order = form.elements.namedItem("order");
  form.addEventListener("change", (event) => {
    const box = event.target;
    if (box.name !== "item") return;
    const before = box.type === "radio" ? [] : order.value.split("\n").filter((ref) => ref && ref !== box.value);
    order.value = (box.checked ? [...before, box.value] : before).join("\n");
  });
  if (!search) return;
  const field = search.elements.namedItem("q");
  const show = () => {
    const words = field.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    for (const group of form.querySelectorAll("fieldset")) {
      const title = group.querySelector("legend").textContent;
      let shown = 0;
      for (const line of group.querySelectorAll("label.choice")) {
        const text = `${line.querySelector(".grow").textContent} ${title}`.toLocaleLowerCase();
        line.hidden = !line.querySelector(":checked") && !words.every((word) => text.includes(word));
        shown += !line.hidden;
      }
      group.hidden = !shown;
    }
  };
  field.addEventListener("input", show);
  if (!field.value) search.addEventListener("submit", (event) => event.preventDefault());
})();
