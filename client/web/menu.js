//  A menu of commands beside a button or at the pointer; a sheet at the foot of a phone's screen.
import { h, icon } from "./dom.js";

//  items: { label, icon, action, keys, danger, checked }, null for a line between groups, false for none.
export function openMenu(items, label, { anchor, x, y }) {
	const back = document.activeElement;
	const nodes = items.filter(item => item !== false).map(item => item ? entry(item) : h("div", { role: "separator" }));
	const menu = h("div", { role: "menu", class: "menu", popover: "auto", "aria-label": label }, nodes);
	const buttons = nodes.filter(node => node.tagName === "BUTTON");

	function entry(item) {
		const checks = "checked" in item;
		return h("button", {
			tabindex: -1, role: checks ? "menuitemradio" : "menuitem", class: item.danger ? "danger" : "",
			...(checks ? { "aria-checked": String(item.checked) } : {}),
			onclick: () => {
				close();
				item.action();
			},
		}, icon(checks ? (item.checked ? "check" : "none") : item.icon), h("span", item.label), item.keys && h("kbd", item.keys));
	}

	function close() {
		menu.hidePopover();
		anchor?.setAttribute("aria-expanded", "false");
		menu.remove();
		(back?.isConnected ? back : anchor)?.focus({ preventScroll: true });
	}

	menu.addEventListener("keydown", event => {
		const at = buttons.indexOf(document.activeElement);
		const go = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
		if (go !== undefined)
			buttons[(go + buttons.length) % buttons.length].focus();
		else if (event.key === "Escape" || event.key === "Tab")
			close();
		else if (event.key.length === 1 && event.key !== " ")
			[...buttons.slice(at + 1), ...buttons].find(one => one.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
		else
			return;
		event.preventDefault();
		event.stopPropagation();
	});
	menu.addEventListener("toggle", event => {
		if (event.newState === "closed" && menu.isConnected) {
			anchor?.setAttribute("aria-expanded", "false");
			menu.remove();
		}
	});
	//  Inside a dialog the menu must be a part of it, or the dialog makes it inert
	(anchor?.closest("dialog") ?? document.querySelector("main")).append(menu);
	menu.showPopover();
	anchor?.setAttribute("aria-expanded", "true");
	place(menu, anchor ? anchor.getBoundingClientRect() : { left: x, right: x, top: y, bottom: y });
	buttons[0].focus();
}

function place(menu, at) {
	const { width, height } = menu.getBoundingClientRect();
	const left = at.left + width > innerWidth - 8 ? Math.max(8, at.right - width) : at.left;
	const top = at.bottom + 4 + height > innerHeight - 8 ? Math.max(8, at.top - 4 - height) : at.bottom + 4;
	menu.style.setProperty("--left", `${left}px`);
	menu.style.setProperty("--top", `${top}px`);
}
