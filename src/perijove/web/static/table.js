// Tables with boxes: [data-all] ticks every shown row, Shift ticks a range, [data-picked] counts; [data-every] means
// all that the search finds, on other pages as well.
export function tables(page) {
  for (const all of page.querySelectorAll("[data-all]")) {
    const form = all.closest("form");
    const boxes = () => [...form.querySelectorAll("tbody input[data-row]")];
    const count = form.querySelector("[data-picked]");
    const every = form.querySelector("[data-every]");
    let last;
    const tell = () => {
      const picked = boxes().filter((box) => box.checked).length;
      all.checked = picked > 0 && picked === boxes().length;
      all.indeterminate = picked > 0 && !all.checked;
      if (every && !all.checked) every.checked = false;
      count.textContent = count.dataset.picked.replace("%d", every?.checked ? every.dataset.every : picked);
    };
    form.addEventListener("click", (event) => {
      const box = event.target.closest("input[data-row]");
      if (box && event.shiftKey && last) {
        const list = boxes();
        const [from, to] = [list.indexOf(last), list.indexOf(box)].sort((a, b) => a - b);
        for (const each of list.slice(from, to + 1)) each.checked = box.checked;
        tell();
      }
      last = box ?? last;
    });
    form.addEventListener("change", (event) => {
      if (event.target === all) for (const box of boxes()) box.checked = all.checked;
      if (event.target === every && every.checked) for (const box of boxes()) box.checked = true;
      tell();
    });
    tell(); // a browser that comes back may have kept what was ticked
  }
}
