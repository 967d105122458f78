/* Buttons that show what is typed into a field for a password: `data-eye` names the field. */

for (const button of document.querySelectorAll("[data-eye]")) {
  const field = document.getElementById(button.dataset.eye);
  const show = (isShown) => {
    field.type = isShown ? "text" : "password";
    button.setAttribute("aria-pressed", isShown);
    const use = button.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, isShown ? "#eye-off" : "#eye"));
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    show(field.type === "password");
    field.focus();
  });
  // Browsers remember what was sent by a field of text.
  field.form.addEventListener("submit", () => show(false));
}
