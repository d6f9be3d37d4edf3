//  Light, dark, or as the system says. A classic script in the head, so that no page flashes in the wrong colours.
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
})();
