// Ctrl and Enter runs the query.
document.querySelector("[data-query]").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
});
