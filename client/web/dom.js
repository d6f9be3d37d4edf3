//  Elements without a framework: h ("button.primary", { onclick: save }, "Save"); attributes may be left out.
//  (Tabs, because these files are sent as they are.)

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, ...content) {
	const [name, ...classes] = tag.split(".");
	const node = document.createElement(name);
	if (classes.length)
		node.className = classes.join(" ");
	if (name === "button")
		node.type = "button";  //  Else it would submit a form
	return fill(node, content);
}

export function svg(tag, ...content) {
	return fill(document.createElementNS(SVG, tag), content);
}

//  A picture of the sprite; screen readers hear nothing of it.
export function icon(name, kind = "") {
	return svg("svg", { class: `icon ${kind}`, "aria-hidden": "true", viewBox: "0 0 24 24" },
		svg("use", { href: `#i-${name}` }));
}

//  The sprite becomes a part of the page: pictures are there also when the server is not.
export async function loadIcons() {
	const response = await fetch("icons.svg");
	const sprite = new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
	sprite.setAttribute("hidden", "");
	document.body.append(document.importNode(sprite, true));
}

export function button(label, attributes = {}, iconName = null) {
	const { iconOnly, ...rest } = attributes;
	return h("button", { ...(iconOnly ? { "aria-label": label, title: label } : {}), ...rest },
		iconName && icon(iconName), iconOnly ? null : h("span", label));
}

//  A button that is only a picture, and one that opens a menu.
export const tool = (label, iconName, onclick, more) => button(label, { iconOnly: true, class: "quiet", onclick, ...more }, iconName);

export const menuTool = (label, onclick, { icon: iconName = "more", ...more } = {}) =>
	tool(label, iconName, onclick, { "aria-haspopup": "menu", "aria-expanded": "false", ...more });

//  What is said where nothing is: a picture, a title, and what one can do.
export const words = (iconName, title, lead, ...more) => [icon(iconName, "huge"), h("h2", title), lead && h("p.muted", lead), ...more];

//  Where a form says what went wrong: problem.say (sentence).
export function problemLine() {
	const element = h("p.problem", { role: "alert", hidden: true });
	element.say = sentence => {
		put(element, icon("warning"), h("span", sentence));
		element.hidden = false;
	};
	return element;
}

//  The same text is not written again: screen readers would say it once more.
export function write(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

const PROPERTIES = new Set(["value", "checked", "indeterminate", "disabled", "hidden", "draggable", "inert", "muted"]);

function fill(node, content) {
	if (content[0]?.constructor === Object)
		for (const [name, value] of Object.entries(content.shift()))
			set(node, name, value);
	node.append(...flat(content));
	return node;
}

//  One attribute or property of an element; null takes it away.
export function set(node, name, value) {
	if (name.startsWith("on"))
		value && node.addEventListener(name.slice(2), value);
	else if (name === "style")
		Object.entries(value).forEach(([property, text]) => node.style.setProperty(property, text));
	else if (PROPERTIES.has(name))
		node[name] = value ?? false;
	else if (value === undefined || value === null || (value === false && !name.startsWith("aria-")))
		node.removeAttribute(name);
	else
		node.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : String(value));
}

export function put(parent, ...children) {
	parent.replaceChildren(...flat(children));
	return parent;
}

function flat(children) {
	return children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false);
}

//  At most once each interval, and once more after the last call.
export function throttle(interval, action) {
	let timer = null, again = false;
	const run = () => {
		timer = null;
		if (again)
			call();
	};
	const call = () => {
		again = false;
		timer = setTimeout(run, interval);
		action();
	};
	return () => {
		if (timer)
			again = true;
		else
			call();
	};
}

//  A sentence for screen readers; nothing moves on the screen.
export function announce(sentence) {
	const region = document.getElementById("announcer");
	if (region) {
		region.textContent = "";
		setTimeout(() => (region.textContent = sentence), 50);
	}
}
