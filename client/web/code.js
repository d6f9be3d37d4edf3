//  A little colour for source: comments, strings, numbers, words of the language. No language is known well, many a little.
import { h } from "./dom.js";

const LIMIT = 100000;  //  Longer texts are shown plain: elements cost

const C_WORDS = "auto break case catch class const continue default delete do else enum export extends extern false finally float for from func "
	+ "function goto if implements import in inline instanceof int interface let long namespace new nil null nullptr operator override package "
	+ "private protected public return short signed sizeof static struct super switch template this throw true try typedef typename typeof union "
	+ "unsigned using var virtual void volatile while with yield async await bool char double fn impl match mod mut pub self trait type use where "
	+ "string number boolean undefined defer go chan map range select";
const SCRIPT_WORDS = "and as assert async await begin break case class continue def del do done elif else elsif end ensure esac except false False fi "
	+ "finally for from function global if import in is lambda local module nil None nonlocal not null or pass raise require rescue return self "
	+ "then True true try undef unless until when while with yield echo export set select insert update delete where join create table values "
	+ "order by group limit primary key";

const SLASH = { comment: /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/, words: C_WORDS };
const HASH = { comment: /(?<![\w$&{])#[^\n]*/, words: SCRIPT_WORDS };
const DASH = { comment: /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/, words: SCRIPT_WORDS, anyCase: true };
const MARK = { comment: /<!--[\s\S]*?(?:-->|$)/, words: "" };
const LANGUAGES = [
	[SLASH, "c h cc cpp hpp cs css go java js mjs jsx ts tsx kt scala swift php rs vue json dart"],
	[HASH, "py rb sh bash pl yaml yml toml r cmake makefile dockerfile zpl conf ini cfg env"],
	[DASH, "sql lua"],
	[MARK, "html htm xml svg"],
].flatMap(([language, names]) => names.split(" ").map(name => [name, language]));
const BY_EXTENSION = new Map(LANGUAGES);

//  Nodes for a <code>: text, and spans with a class.
export function colour(text, extension) {
	const language = BY_EXTENSION.get(extension);
	if (!language || text.length > LIMIT)
		return text;
	const words = new Set(language.words.split(" "));
	const pattern = new RegExp(`(${language.comment.source})|("(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*'|\`(?:[^\`\\\\]|\\\\.)*\`)`
		+ "|(\\b\\d[\\w.]*\\b)|(</?[A-Za-z][\\w:-]*|[A-Za-z_$][\\w$]*)", "g");
	const nodes = [];
	let at = 0;
	for (const match of text.matchAll(pattern)) {
		const [all, comment, string, number, word] = match;
		const tag = word?.startsWith("<") && language === MARK;
		const kind = comment ? "comment" : string ? "string" : number ? "number"
			: tag || words.has(language.anyCase ? word.toLowerCase() : word) ? "word" : null;
		if (kind) {
			nodes.push(text.slice(at, match.index), h("span", { class: `code-${kind}` }, all));
			at = match.index + all.length;
		}
	}
	nodes.push(text.slice(at));
	return nodes;
}
