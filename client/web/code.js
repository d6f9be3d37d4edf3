//  A little colour for source. No language is known well, many a little.
import { h } from "./dom.js";

const LIMIT = 100000;  //  Longer texts are shown plain: elements cost

const WORDS = "and as async auto await bool break by case catch char class const continue create def default delete do double elif else end enum except export "
	+ "extends extern false False finally float fn for from func function go goto group if impl import in insert int interface into is join let local long mod "
	+ "mut namespace new nil None not null nullptr of or order override package pass private protected pub public raise return select self set short signed sizeof "
	+ "static string struct super switch table then this throw trait true True try type typedef typeof undefined union unsigned update use using var void where while "
	+ "with yield";

const SLASH = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/;
const HASH = /(?<![\w$&{])#[^\n]*/;
const DASH = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/;
const MARK = /<!--[\s\S]*?(?:-->|$)/;
//  How a comment looks in files with these ends of names.
export const LANGUAGES = new Map([
	[SLASH, "c h cc cpp hpp cs css go java js mjs jsx ts tsx kt scala swift php rs vue json dart"],
	[HASH, "py rb sh bash pl yaml yml toml r cmake makefile dockerfile zpl conf ini cfg env"],
	[DASH, "sql lua"],
	[MARK, "html htm xml svg"],
].flatMap(([comment, names]) => names.split(" ").map(name => [name, comment])));
const words = new Set(WORDS.split(" "));

//  Nodes for a <code>: text, and spans with a class.
export function colour(text, extension) {
	const comments = LANGUAGES.get(extension);
	if (!comments || text.length > LIMIT)
		return text;
	const pattern = new RegExp(`(${comments.source})|("(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*'|\`(?:[^\`\\\\]|\\\\.)*\`)`
		+ "|(\\b\\d[\\w.]*\\b)|(</?[A-Za-z][\\w:-]*|[A-Za-z_$][\\w$]*)", "g");
	const nodes = [];
	let at = 0;
	for (const match of text.matchAll(pattern)) {
		const [all, comment, string, number, word] = match;
		const known = comments === MARK ? word?.startsWith("<") : words.has(comments === DASH ? word?.toLowerCase() : word);
		const kind = comment ? "comment" : string ? "string" : number ? "number" : known ? "word" : null;
		if (kind) {
			nodes.push(text.slice(at, match.index), h("span", { class: `code-${kind}` }, all));
			at = match.index + all.length;
		}
	}
	nodes.push(text.slice(at));
	return nodes;
}
