// The set-up of a page is for its end: a reader wants the first sentence and the first picture.
document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("article.bd-article > section");
  page?.append(...document.querySelectorAll(".cell.tag_set-up"));
});
