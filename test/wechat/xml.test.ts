import { describe, expect, it } from 'vitest'
import { readXml, writeXml } from '../../src/wechat/xml.js'

const longest = 256 * 1024

describe('reading', () => {
  const values: [string, string, unknown][] = [
    ['leading zeros', '<a>007</a>', '007'],
    ['an exponent', '<a>1e5</a>', '1e5'],
    ['a hexadecimal number', '<a>0x1F</a>', '0x1F'],
    ['20 digits', '<a>12345678901234567890</a>', '12345678901234567890'],
    ['trailing zeros', '<a>2703.000000</a>', '2703.000000'],
    ['a truth value', '<a>true</a>', 'true'],
    ['spaces before and behind', '<a>  x  </a>', '  x  '],
    ['spaces alone', '<a>   </a>', '   '],
    ['spaces in CDATA', '<a><![CDATA[  x  ]]></a>', '  x  '],
    ['nothing', '<a></a>', ''],
    ['an empty element', '<a/>', ''],
    ['an empty element with a space', '<a />', ''],
    ['an empty CDATA section', '<a><![CDATA[]]></a>', ''],
    [']] in CDATA', '<a><![CDATA[a]]b]]]></a>', 'a]]b]'],
    ['> in CDATA', '<a><![CDATA[a>b]>c]]></a>', 'a>b]>c'],
    [']]> over two CDATA sections', '<a><![CDATA[]]]]><![CDATA[>]]></a>', ']]>'],
    ['markup in CDATA', '<a><![CDATA[<b>&amp;</b><!-- -->]]></a>', '<b>&amp;</b><!-- -->'],
    ['an opening of CDATA in CDATA', '<a><![CDATA[<![CDATA[]]></a>', '<![CDATA['],
    ['CDATA beside text', '<a>x<![CDATA[y]]>z</a>', 'xyz'],
    ['the five entities', '<a>&lt;&gt;&amp;&quot;&apos;</a>', '<>&"\''],
    ['an entity of an entity', '<a>&amp;lt;&#38;lt;</a>', '&lt;&lt;'],
    ['characters by number', '<a>&#65;&#x42;&#x1F600;&#128512;</a>', 'AB😀😀'],
    ['the last character there is', '<a>&#x10FFFF;</a>', '\u{10ffff}'],
    ['an emoji', '<a>😀👨‍👩‍👧</a>', '😀👨‍👩‍👧'],
    ['Chinese', '<a><![CDATA[湖北省恩施市]]></a>', '湖北省恩施市'],
    ['line breaks as they were sent', '<a><![CDATA[a\r\nb\nc\rd]]></a>', 'a\r\nb\nc\rd'],
    ['line breaks as they were sent, in text', '<a>a\r\nb\nc\rd</a>', 'a\r\nb\nc\rd'],
    ['control characters', '<a><![CDATA[\u0008\u001f]]></a>', '\u0008\u001f'],
    ['text around a comment', '<a>x<!-- y -->z</a>', 'xz'],
    ['a comment with markup', '<a>x<!-- <b>&c;</b> ]]> -->z</a>', 'xz'],
    ['an element with attributes', '<a b="1" c = \'>"\' d:e="/">x</a>', 'x'],
    ['an empty element with attributes', '<a b="1"/>', ''],
    ['white space in tags', '<a\n\t>x</a \r\n>', 'x'],
    ['elements inside', '<a><b>1</b><c>2</c></a>', { b: '1', c: '2' }],
    ['elements between white space', '<a>\n  <b>1</b>\n  <c>2</c>\n</a>', { b: '1', c: '2' }],
    ['elements beside text, which is passed over', '<a>x<b>1</b>y</a>', { b: '1' }],
    ['elements of one name', '<a><b>1</b><b>2</b><b/></a>', { b: ['1', '2', ''] }],
    ['elements of one name, apart', '<a><b>1</b><c>2</c><b><d>3</d></b></a>', { b: ['1', { d: '3' }], c: '2' }],
    ['an element inside one of its name', '<a><a><a>1</a></a></a>', { a: { a: '1' } }],
  ]

  it.each(values)('keeps %s', (_what, xml, value) => {
    expect(readXml(`<xml>${xml}</xml>`)).toEqual({ a: value })
  })

  it('takes any name for the root, and what may stand around it', () => {
    for (const text of [
      '<xml><a>1</a></xml>',
      '<root x="y"><a>1</a></root>',
      '<?xml version="1.0" encoding="UTF-8"?><xml><a>1</a></xml>',
      '\uFEFF<?xml version="1.0"?>\n<xml><a>1</a></xml>\n',
      ' \n<!-- before --><xml><a>1</a></xml><!-- behind --> ',
    ]) {
      expect(readXml(text)).toEqual({ a: '1' })
    }
  })

  it('takes names that every object has for names', () => {
    const names = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'prototype', '__defineGetter__', 'length']
    const once = names.map((name) => `<${name}>1</${name}>`).join('')
    expect(readXml(`<xml>${once}</xml>`)).toEqual(Object.fromEntries(names.map((name) => [name, '1'])))
    const read = readXml(`<xml>${once}${once}</xml>`)
    expect(read).toEqual(Object.fromEntries(names.map((name) => [name, ['1', '1']])))
    expect(Object.keys(read ?? {})).toEqual(names)
  })

  const refused: [string, string][] = [
    ['nothing', ''],
    ['white space', ' \n'],
    ['text', 'success'],
    ['JSON', '{"a": "1"}'],
    ['a root without elements', '<xml>text</xml>'],
    ['an empty root', '<xml/>'],
    ['two roots', '<xml><a>1</a></xml><xml><a>1</a></xml>'],
    ['two roots of other names', '<xml><a>1</a></xml><yml/>'],
    ['a second root that is not closed', '<xml><a>1</a></xml><yml>'],
    ['text before the root', 'x<xml><a>1</a></xml>'],
    ['text behind the root', '<xml><a>1</a></xml>x'],
    ['a root that is not closed', '<xml><a>1</a>'],
    ['an element that is not closed', '<xml><a>1</xml>'],
    ['elements closed in the wrong order', '<xml><a><b>1</a></b></xml>'],
    ['an end without a beginning', '<xml><a>1</a></a></xml>'],
    ['an end alone', '</xml>'],
    ['an end that is empty', '<xml><a></a/></xml>'],
    ['a tag that is cut off', '<xml><a>1</a></xml'],
    ['an open tag', '<xml><a'],
    ['a tag without a name', '<xml><>1</></xml>'],
    ['a tag with a space before its name', '<xml>< a>1</ a></xml>'],
    ['a name that begins with a digit', '<xml><1>1</1></xml>'],
    ['an attribute without a value', '<xml><a b>1</a></xml>'],
    ['an attribute without quotes', '<xml><a b=1>1</a></xml>'],
    ['an attribute whose quote is not closed', '<xml><a b="1>1</a></xml>'],
    ['a < in an attribute', '<xml><a b="<">1</a></xml>'],
    ['attributes without space between', '<xml><a b="1"c="2">1</a></xml>'],
    ['a CDATA section that is not closed', '<xml><a><![CDATA[1</a></xml>'],
    ['a comment that is not closed', '<xml><a><!-- 1</a></xml>'],
    ['a comment that is too short', '<xml><a>1</a><!--></xml>'],
    ['a bare <', '<xml><a>1 < 2</a></xml>'],
    ['a bare &', '<xml><a>1 & 2</a></xml>'],
    ['an entity without its end', '<xml><a>&amp</a></xml>'],
    ['an entity of HTML', '<xml><a>&nbsp;</a></xml>'],
    ['an entity in capitals', '<xml><a>&AMP;</a></xml>'],
    ['an entity named as a property', '<xml><a>&constructor;</a></xml>'],
    ['character 0', '<xml><a>&#0;</a></xml>'],
    ['half a character by number', '<xml><a>&#xD83D;&#xDE00;</a></xml>'],
    ['a character beyond the last', '<xml><a>&#x110000;</a></xml>'],
    ['a number of a character that is none', '<xml><a>&#x;</a></xml>'],
    ['a DOCTYPE', '<!DOCTYPE xml><xml><a>1</a></xml>'],
    ['a DOCTYPE with an entity', '<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><a>&e;</a></xml>'],
    ['a DOCTYPE behind the declaration', '<?xml version="1.0"?><!DOCTYPE xml><xml><a>1</a></xml>'],
    ['a DOCTYPE inside', '<xml><!DOCTYPE xml><a>1</a></xml>'],
    ['a processing instruction', '<xml><?php echo 1 ?><a>1</a></xml>'],
    ['a second declaration', '<?xml version="1.0"?><?xml version="1.0"?><xml><a>1</a></xml>'],
    ['an element called __proto__', '<xml><__proto__><a>1</a></__proto__></xml>'],
    ['an empty element called __proto__', '<xml><a>1</a><__proto__/></xml>'],
    ['a root called __proto__', '<__proto__><a>1</a></__proto__>'],
  ]

  it.each(refused)('refuses %s', (_what, text) => {
    expect(readXml(text)).toBe(undefined)
  })

  it('takes 256 Ki characters and no more', () => {
    const text = (length: number) => `<xml><a>${'x'.repeat(length - 18)}</a></xml>`
    expect(readXml(text(longest))?.['a']).toHaveLength(longest - 18)
    expect(readXml(text(longest + 1))).toBe(undefined)
  })

  it('takes 16 levels and no more', () => {
    const nested = (levels: number) => '<a>'.repeat(levels) + '</a>'.repeat(levels)
    expect(readXml(nested(16))).not.toBe(undefined)
    expect(readXml(nested(17))).toBe(undefined)
    expect(readXml(`<xml>${'<a/>'.repeat(3)}${nested(15)}</xml>`)).not.toBe(undefined)
    expect(readXml(`<xml>${'<a/>'.repeat(3)}${nested(16)}</xml>`)).toBe(undefined)
  })

  it('takes 4,096 elements and no more', () => {
    expect(readXml(`<xml>${'<a/>'.repeat(4095)}</xml>`)?.['a']).toHaveLength(4095)
    expect(readXml(`<xml>${'<a/>'.repeat(4096)}</xml>`)).toBe(undefined)
  })
})

describe('writing', () => {
  it('puts texts in CDATA, and numbers bare', () => {
    expect(writeXml({ a: 'x', b: 7, c: { d: '<', e: 0 } })).toBe(
      '<xml><a><![CDATA[x]]></a><b>7</b><c><d><![CDATA[<]]></d><e>0</e></c></xml>',
    )
  })

  it('repeats the element for a list, and leaves out what is undefined', () => {
    expect(writeXml({ a: ['x', 1, undefined, { b: 'y' }], c: undefined, d: { e: undefined }, f: [] })).toBe(
      '<xml><a><![CDATA[x]]></a><a>1</a><a><b><![CDATA[y]]></b></a><d></d></xml>',
    )
  })

  it('splits ]]> over two sections', () => {
    expect(writeXml({ a: ']]>' })).toBe('<xml><a><![CDATA[]]]]><![CDATA[>]]></a></xml>')
    expect(writeXml({ a: ']]]>]]>' })).toBe('<xml><a><![CDATA[]]]]]><![CDATA[>]]]]><![CDATA[>]]></a></xml>')
  })

  it('leaves out what XML cannot hold, even where a ]]> comes of it', () => {
    const kept = '\t\n\r \u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}界😀'
    expect(readXml(writeXml({ a: `\0\u0001\u0008\u000b\u000c\u001f${kept}\ud800\udc00`.slice(0, -1) }))).toEqual({
      a: kept,
    })
    expect(readXml(writeXml({ a: '\ufffe\uffff\udc00x\ud800' }))).toEqual({ a: 'x' })
    expect(readXml(writeXml({ a: ']\0]\0>' }))).toEqual({ a: ']]>' })
  })
})
