//  Numbers, times and paths as people read them.
import { LANGUAGES } from "./code.js";
import { LOCALE, T } from "./text.js";

const UNITS = ["byte", "kB", "MB", "GB", "TB", "PB"];
const whole = new Intl.NumberFormat(LOCALE);
const rounded = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const date = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat(LOCALE, { dateStyle: "long", timeStyle: "medium" });
const collator = new Intl.Collator(LOCALE, { numeric: true, sensitivity: "base" });

export const count = number => whole.format(number);

export function size(octets) {
	let unit = 0;
	while (octets >= 999.5 && unit < UNITS.length - 1) {
		octets /= 1000;
		unit++;
	}
	if (unit === 0)
		return T.bytes(octets);
	return `${rounded.format(octets >= 100 ? Math.round(octets) : octets)} ${UNITS[unit]}`;
}

export const rate = octets => T.perSecond(size(Math.round(octets)));

//  "40 s", "3 min", "2 h 5 min"; never more than two parts.
export function duration(ms) {
	const s = Math.max(1, Math.round(ms / 1000));
	if (s < 60)
		return `${s} s`;
	if (s < 3600)
		return `${Math.round(s / 60)} min`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ${Math.round(s % 3600 / 60)} min`;
	return `${Math.round(s / 86400)} d`;
}

export function when(ms) {
	const then = new Date(ms), now = new Date();
	if (then.toDateString() === now.toDateString())
		return T.today(clock.format(then));
	const yesterday = new Date(now);
	yesterday.setDate(now.getDate() - 1);
	if (then.toDateString() === yesterday.toDateString())
		return T.yesterday(clock.format(then));
	return then.getFullYear() === now.getFullYear() ? `${day.format(then)}, ${clock.format(then)}` : date.format(then);
}

export const exactly = ms => full.format(new Date(ms));
export const timeOfDay = ms => clock.format(new Date(ms));
export const timeWithSeconds = ms => seconds.format(new Date(ms));
export const compareNames = (a, b) => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);

export const baseOf = path => path.slice(path.lastIndexOf("/") + 1);
export const parentOf = path => path.slice(0, path.lastIndexOf("/")) || "/";
export const join = (folder, name) => (folder === "/" ? "/" : `${folder}/`) + name;
export const isInside = (path, folder) => path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
export const encodePath = path => path.split("/").map(encodeURIComponent).join("/");

export function extensionOf(name) {
	const dot = name.lastIndexOf(".");
	return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
}

//  "a.txt" becomes "a (2).txt": the first such name that is not taken.
export function freeName(name, taken) {
	const extension = extensionOf(name);
	const stem = extension ? name.slice(0, -extension.length - 1) : name;
	for (let n = 2; ; n++) {
		const candidate = `${stem} (${n})${extension ? name.slice(stem.length) : ""}`;
		if (!taken(candidate))
			return candidate;
	}
}

//  Why a name cannot be, or null. The rules of the store: UTF-8, 1 to 255 octets, no '/', not '.' or '..'.
export function badName(name) {
	if (!name)
		return T.name.empty;
	if (name.includes("/") || name.includes("\0"))
		return T.name.slash;
	if (name === "." || name === "..")
		return T.name.dots;
	return new TextEncoder().encode(name).length > 255 ? T.name.long : null;
}

const KINDS = {
	image: "png jpg jpeg gif webp avif bmp ico",
	video: "mp4 webm mov m4v mkv ogv",
	audio: "mp3 ogg oga opus wav flac m4a aac",
	pdf: "pdf",
	archive: "zip gz tgz xz bz2 7z tar zst rar deb rpm iso",
	code: [...LANGUAGES.keys()].join(" "),
	text: "txt md markdown log csv tsv ini conf cfg text rst tex srt patch diff env gitignore",
	sheet: "xls xlsx ods",
	document: "doc docx odt rtf ppt pptx odp epub",
};
const KIND_OF = new Map(Object.entries(KINDS).flatMap(([kind, names]) => names.split(" ").map(name => [name, kind])));

//  What a file seems to be by its name: a picture of the list, and how to preview it.
export function kindOf(item) {
	if (item.kind === "folder")
		return "folder";
	return KIND_OF.get(extensionOf(item.name)) ?? KIND_OF.get(item.name.toLowerCase()) ?? "file";
}
