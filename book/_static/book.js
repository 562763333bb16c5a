// What the pages do: figures open large, light figures on paper, and excerpts below search results on a disk.
(() => {
  "use strict";

  // A figure is a link to its file; with this script it opens in a dialog, which keeps the focus and returns it.
  const show = (link) => {
    const dialog = document.createElement("dialog");
    dialog.className = "figure-dialog";
    const caption = link.closest("figure")?.querySelector(".caption-text")?.innerHTML ?? "";
    dialog.innerHTML = `<button type="button" class="figure-close">Close</button>
      <div class="figure-large" role="group" aria-label="The figure" tabindex="0"></div><p>${caption}</p>`;
    const image = link.querySelector("img").cloneNode();
    image.loading = "eager";
    dialog.setAttribute("aria-label", image.alt);
    dialog.querySelector(".figure-large").append(image);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest(".figure-close")) dialog.close();
    });
    dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
    document.body.append(dialog);
    dialog.showModal();
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.figure-link");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(link);
  });

  // Paper is white.
  let theme;
  addEventListener("beforeprint", () => { theme = document.documentElement.dataset.theme; document.documentElement.dataset.theme = "light"; });
  addEventListener("afterprint", () => { document.documentElement.dataset.theme = theme; });

  // Sphinx reads the pages it found to show an excerpt; a page on a disk may not read others, so they lie in one script.
  if (location.protocol === "file:") {
    let texts;
    const load = () => new Promise((resolve) => {
      const script = document.createElement("script");
      script.src = "_static/search-texts.js";
      script.onload = () => resolve(window.searchTexts);
      document.head.append(script);
    });
    const page = (address) => decodeURI(new URL(address, location).href.slice(new URL(".", location).href.length).split(/[?#]/)[0]);
    window.fetch = (address) => (texts ??= load()).then((all) => {
      const main = document.createElement("div");
      main.setAttribute("role", "main");
      main.innerHTML = all[page(address)] || "–";
      return new Response(main.outerHTML);
    });
  }
})();
