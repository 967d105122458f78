/* Countries and languages by the names that the reader's browser has for them. Without this script
   they are codes. */

export function names(root = document) {
  for (const data of root.querySelectorAll("data[data-named]")) {
    try {
      const known = new Intl.DisplayNames(document.documentElement.lang, { type: data.dataset.named });
      data.textContent = known.of(data.value) ?? data.value;
    } catch {
      // No code that the browser knows.
    }
  }
}

names();
document.addEventListener("swapped", (event) => names(event.target));
