// The theme's switches that unfold a part of the navigation have no name; screen readers need one.
for (const summary of document.querySelectorAll(".bd-links summary")) {
  const page = summary.closest("li").querySelector("a");
  summary.setAttribute("aria-label", `Pages of ${page.textContent.trim()}`);
}
