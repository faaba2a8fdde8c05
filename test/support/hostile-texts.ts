/** A text of about this many characters, made to take long. */
export type Hostile = (length: number) => string

function filled(length: number, before: string, part: string, behind = ''): string {
  const times = Math.max(1, Math.floor((length - before.length - behind.length) / part.length))
  return before + part.repeat(times) + behind
}

function entities(length: number): string {
  const names = Array.from({ length: 30 }, (_, n) => `<!ENTITY e${n + 1} "${`&e${n};`.repeat(10)}">`)
  const laughs = `<!DOCTYPE xml [<!ENTITY e0 "ha">${names.join('')}]><xml><a>&e30;</a>`
  return filled(length, laughs, ' ', '</xml>')
}

/** That are no XML, or hold what a push never does. */
export const hostileXml: Readonly<Record<string, Hostile>> = {
  'a billion laughs': entities,
  'a large entity, often': (n) =>
    filled(n, `<!DOCTYPE x [<!ENTITY e "${'x'.repeat(n / 2)}">]><xml><a>`, '&e;', '</a></xml>'),
  'references to an entity that is not there': (n) => filled(n, '<xml><a>', '&e;', '</a></xml>'),
  'nested elements': (n) => filled(n, '', '<a>'),
  'nested elements that are closed': (n) => filled(n / 2, '', '<a>') + filled(n / 2, '', '</a>'),
  siblings: (n) => filled(Math.max(n, 17_000), '<xml>', '<a/>', '</xml>'),
  'siblings that are not closed': (n) => filled(n, '<xml>', '<b>x'),
  roots: (n) => filled(n, '', '<a/>'),
  ends: (n) => filled(n, '<xml>', '</a>'),
  'open CDATA sections': (n) => filled(n, '<xml><a>', '<![CDATA['),
  'an open CDATA section of ]': (n) => filled(n, '<xml><a><![CDATA[', ']'),
  'an open CDATA section of ]]': (n) => filled(n, '<xml><a><![CDATA[', ']] >'),
  'open comments': (n) => filled(n, '<xml><a>', '<!--'),
  'an open comment of -': (n) => filled(n, '<xml><a><!--', '-'),
  'open quotes': (n) => filled(n, '<xml>', '<a b="'),
  'an open quote': (n) => filled(n, '<xml><a b="', 'x'),
  'open quotes of both kinds': (n) => filled(n, '<xml><a', ` b="'`),
  'open attributes': (n) => filled(n, '<xml><a', ' b="1"'),
  'open attributes with wide spaces': (n) => filled(n, '<xml><a', `${' '.repeat(50)}b${' '.repeat(50)}="1"`),
  'attributes and a <': (n) => filled(n, '<xml><a', ' b="1"', '<</a></xml>'),
  'attributes without values': (n) => filled(n, '<xml><a', ' b', '>x</a></xml>'),
  'attributes with two =': (n) => filled(n, '<xml><a', ' b==""', '>x</a></xml>'),
  'a long name of an attribute': (n) => filled(n, '<xml><a ', 'b', '>x</a></xml>'),
  'spaces in a tag': (n) => filled(n, '<xml><a', ' '),
  'spaces behind the name of an attribute': (n) => filled(n, '<xml><a b', ' '),
  'spaces behind a =': (n) => filled(n, '<xml><a b=', ' '),
  'spaces behind an attribute': (n) => filled(n, '<xml><a b=""', ' '),
  'spaces and a /': (n) => filled(n, '<xml><a', ' ', '/</xml>'),
  'a long name': (n) => filled(n, '<xml><', 'a'),
  'a long name that ends in another': (n) => filled(n / 2, '<xml><', 'a', '>') + filled(n / 2, '</', 'a', 'b></xml>'),
  '<': (n) => filled(n, '', '<'),
  '< in an element': (n) => filled(n, '<xml><a>', '<', '</a></xml>'),
  '>': (n) => filled(n, '', '>'),
  '</': (n) => filled(n, '<xml>', '</'),
  '<!': (n) => filled(n, '<xml>', '<!'),
  '<?': (n) => filled(n, '', '<?'),
  '&': (n) => filled(n, '<xml><a>', '&', '</a></xml>'),
  'entities without an end': (n) => filled(n, '<xml><a>', '&amp', '</a></xml>'),
  'numbers without an end': (n) => filled(n, '<xml><a>', '&#1', '</a></xml>'),
  'a number without an end': (n) => filled(n, '<xml><a>&#', '1', '</a></xml>'),
  'good entities and a bad one': (n) => filled(n, '<xml><a>', '&amp;', '&</a></xml>'),
  'a declaration of ?': (n) => filled(n, '<?xml ', '?'),
  'a declaration of spaces': (n) => filled(n, '<?xml', ' '),
  'white space': (n) => filled(n, '', ' '),
  'white space before text': (n) => filled(n, '', '\n', 'x'),
  'byte order marks': (n) => filled(n, '', '\uFEFF'),
  NUL: (n) => filled(n, '', '\0'),
  'halves of characters': (n) => filled(n, '<xml><a>', '\ud800', '</a>'),
}

/** That are XML, if a strange one. */
export const strangeXml: Readonly<Record<string, Hostile>> = {
  'CDATA sections': (n) => filled(n, '<xml><a>', '<![CDATA[x]]>', '</a></xml>'),
  'empty CDATA sections': (n) => filled(n, '<xml><a>', '<![CDATA[]]>', '</a></xml>'),
  'a CDATA section of ]': (n) => filled(n, '<xml><a><![CDATA[', ']', ']]></a></xml>'),
  comments: (n) => filled(n, '<xml><a>', '<!---->', '</a></xml>'),
  'comments at the top': (n) => filled(n, '', '<!---->', '<xml><a>1</a></xml>'),
  'text and comments': (n) => filled(n, '<xml><a>', 'x<!-- -->', '</a></xml>'),
  'a comment of -': (n) => filled(n, '<xml><a><!--', '- ', '--></a></xml>'),
  entities: (n) => filled(n, '<xml><a>', '&amp;', '</a></xml>'),
  numbers: (n) => filled(n, '<xml><a>', '&#65;', '</a></xml>'),
  'high numbers': (n) => filled(n, '<xml><a>', '&#x1F600;', '</a></xml>'),
  'entities and comments': (n) => filled(n, '<xml><a>', '&amp;<!---->', '</a></xml>'),
  attributes: (n) => filled(n, '<xml><a', ' b="1"', '>x</a></xml>'),
  'attributes of spaces': (n) => filled(n, '<xml><a', '     b   =   "   "', '>x</a></xml>'),
  'a long attribute': (n) => filled(n, '<xml><a b="', '>', '">x</a></xml>'),
  'spaces in tags': (n) => filled(n / 2, '<xml><a', ' ', '>x') + filled(n / 2, '</a', '\t', '></xml>'),
  'long names': (n) => `<xml><${'a'.repeat(n / 2 - 10)}>x</${'a'.repeat(n / 2 - 10)}></xml>`,
  '>': (n) => filled(n, '<xml><a>', '>', '</a></xml>'),
  ']]>': (n) => filled(n, '<xml><a>', ']]>', '</a></xml>'),
  'white space around': (n) => filled(n / 2, '', ' ', '<xml><a>1</a></xml>') + filled(n / 2, '', '\n'),
  siblings: (n) => filled(Math.min(n, 16_000), '<xml>', '<a/>', '</xml>'),
  'siblings of many names': (n) =>
    `<xml>${Array.from({ length: n / 65 }, (_, at) => `<a${at}>${'x'.repeat(48)}</a${at}>`).join('')}</xml>`,
  'siblings with text between': (n) => filled(n, '<xml>', `<a></a>${'x'.repeat(Math.ceil(n / 4000))}`, '</xml>'),
}

/** A push like any other, but for its length. */
export function benignXml(length: number): string {
  return filled(length, '<xml>', `<Content><![CDATA[${'x'.repeat(100)}]]></Content>\n`, '</xml>')
}

/** That are no object of JSON, or nested deeper than a push ever is. */
export const hostileJson: Readonly<Record<string, Hostile>> = {
  'nested lists': (n) => filled(n / 2, '{"a":', '[') + filled(n / 2, '', ']', '}'),
  'nested objects': (n) => filled((n * 4) / 5, '', '{"a":') + filled(n / 5, '1', '}'),
  'open lists': (n) => filled(n, '{"a":', '['),
  'open objects': (n) => filled(n, '', '{"a":'),
  'open strings': (n) => filled(n, '{"a":', '"'),
  'an open string': (n) => filled(n, '{"a":"', 'x'),
  'an open string of escapes': (n) => filled(n, '{"a":"', '\\'),
  'an open string of escaped quotes': (n) => filled(n, '{"a":"', '\\"'),
  'an open string of escaped escapes': (n) => filled(n, '{"a":"', '\\\\', '\\'),
  'an open string of numbers': (n) => filled(n, '{"a":"', '1 '),
  escapes: (n) => filled(n, '{', '\\', '}'),
  'a string and another': (n) => filled(n, '{"a":', '"b" '),
  'a number and another': (n) => filled(n, '{"a":', '1 ', '}'),
  'a number with many points': (n) => filled(n, '{"a":', '1.', '}'),
  'a number with many exponents': (n) => filled(n, '{"a":', '1e', '}'),
  'a number for a name': (n) => filled(n, '{', '1', ':1}'),
  'a number far from its colon': (n) => filled(n, '{1', ' ', ':1}'),
  'numbers far from their colons': (n) => filled(n, '{', `1${' '.repeat(50)}:`, '}'),
  'a long exponent': (n) => filled(n, '{"a":1e', '1', ':}'),
  signs: (n) => filled(n, '{"a":', '-', '}'),
  'signs and numbers': (n) => filled(n, '{"a":', '-1', '}'),
  colons: (n) => filled(n, '{"a"', ':', '}'),
  commas: (n) => filled(n, '{"a":1', ',', '}'),
  spaces: (n) => filled(n, '{', ' '),
  'byte order marks': (n) => filled(n, '', '\uFEFF', '{}'),
  NUL: (n) => filled(n, '{', '\0', '}'),
}

/** That are objects of JSON, if strange ones. */
export const strangeJson: Readonly<Record<string, Hostile>> = {
  numbers: (n) => filled(n, '{"a":[1', ',1', ']}'),
  'a long number': (n) => filled(n, '{"a":', '1', '}'),
  'a long exponent': (n) => filled(n, '{"a":1e', '1', '}'),
  'numbers behind spaces': (n) => filled(n, '{"a":[1', `${' '.repeat(50)},1`, ']}'),
  strings: (n) => filled(n, '{"a":[""', ',""', ']}'),
  'a string of escapes': (n) => filled(n, '{"a":"', '\\\\', '"}'),
  'a string of escaped quotes': (n) => filled(n, '{"a":"', '\\"', '"}'),
  'a string of numbers': (n) => filled(n, '{"a":"', '1 ', '"}'),
  'one name, often': (n) => filled(n, '{"a":1', ',"a":1', '}'),
  'many names': (n) =>
    `{${Array.from({ length: Math.floor(n / 16) }, (_, at) => `"a${String(at).padStart(6, '0')}":1`).join(', ')}}`,
  'lists in a list': (n) => filled(n, '{"a":[[]', ',[]', ']}'),
  spaces: (n) => filled(n, '{', ' ', '}'),
}
