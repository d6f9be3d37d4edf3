//  Runs before anything is drawn: a classic script in the head. Light or dark, so that no page flashes in the wrong colours.
"use strict";

(function () {
	let theme = null;
	try {
		theme = localStorage.getItem("theme");
	}
	catch {
		//  Storage may be forbidden; then the system decides
	}
	if (theme === "light" || theme === "dark")
		document.documentElement.dataset.theme = theme;

	//  A module did not come, perhaps because the network changed: once more
	addEventListener("error", event => event.target.tagName === "SCRIPT" && setTimeout(() => location.reload(), 1000), true);

	//  All modules at once; the browser would find them one level after the other
	for (const name of ("text api dom format events dialog session account app router files folder list rows actions crumbs menu picker drop search share "
		+ "versions upload uploads handles preview code trash shared cluster nodes places plot services").split(" "))
		document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href: `${name}.js` }));
})();
