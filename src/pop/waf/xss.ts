import { htmlDecoded } from './decoders.ts';

/** Octets that are looked at. */
const OCTETS_MAX = 16_384;
/** Tags and attributes that are looked at. */
const STEPS_MAX = 1000;

/**
 * Whether the text looks like markup that runs a script. It is read as a browser would: as text between
 * tags, and as the rest of an attribute's value, without quotes and after each kind of quote. Tags that load
 * or run things, event handlers, and URLs of scripts tell. Rates over public corpora stand in
 * docs/edge-security.md.
 */
export function isCrossSiteScript(octets: string): boolean {
  const text = octets.length > OCTETS_MAX ? octets.slice(0, OCTETS_MAX) : octets;
  if (text.includes('<') && inMarkup(text)) return true;
  if (!text.includes('=')) return isScriptUrl(text);
  // Within a tag: in an attribute's value without quotes, or after the quote that ends it.
  if (inTag(text, { at: 0, strict: true }).found) return true;
  return ['"', "'", '`'].some((quote) => {
    const end = text.indexOf(quote);
    return end >= 0 && inTag(text, { at: end + 1, strict: true }).found;
  });
}

/** From a place between tags. */
function inMarkup(text: string): boolean {
  let at = 0;
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    at = text.indexOf('<', at);
    if (at < 0) return false;
    at++;
    const rest = text.slice(at, at + 64);
    if (/^!(?:doctype\b|entity\b|attlist\b|element\b)|^!(?:--)?\[(?:if|cdata)|^\?(?:xml|import)/i.test(rest))
      return true;
    // Browsers differ in where comments end: what stands in them is read as if it stood alone.
    if (rest.startsWith('!--')) continue;
    const name = /^[\0-\x20/%!]*\/?([a-z][^\s\0/>"'=<]*)/i.exec(rest);
    if (name === null) continue;
    if (isBlackTag(name[1] ?? '')) return true;
    const tag = inTag(text, { at: at + name[0].length, strict: false });
    if (tag.found) return true;
    at = tag.end;
  }
  return false;
}

/** Tags that run or load something, or change what others mean; those of XML and SVG whole. */
const BLACK_TAGS = new Set(
  `applet base bgsound comment embed frame frameset handler iframe import isindex layer ilayer link listener
  math meta noscript object script style svg vmlframe xml xss portal template event-source`.split(/\s+/),
);

function isBlackTag(written: string): boolean {
  const name = written.replaceAll('\0', '').toLowerCase();
  const local = name.slice(name.lastIndexOf(':') + 1);
  return BLACK_TAGS.has(name) || BLACK_TAGS.has(local) || /^(?:svg|xsl|x:|\?)/.test(name);
}

/** The attributes from a place within a tag: whether one runs a script, and where the tag ends. */
function inTag(
  text: string,
  from: { readonly at: number; readonly strict: boolean },
): { readonly found: boolean; readonly end: number } {
  let { at } = from;
  for (let steps = 0; steps < STEPS_MAX && at < text.length; steps++) {
    ATTRIBUTE.lastIndex = at;
    const match = ATTRIBUTE.exec(text);
    if (match === null) break;
    at = ATTRIBUTE.lastIndex;
    const [, name = '', double, single, back, bare = ''] = match;
    if (name === '') {
      if (text.charAt(at) === '>' || text.charAt(at) === '<') break;
      at++;
      continue;
    }
    // Without `=` there is no value.
    if (match[0].includes('=') && isBlackAttribute(name, double ?? single ?? back ?? bare))
      return { found: true, end: at };
    // In plain text, not within a tag, nothing follows words without value.
    if (from.strict && steps > WORDS_MAX) break;
  }
  return { found: false, end: at };
}

/** Words that may stand before an attribute in a text that is taken for a part of a tag. */
const WORDS_MAX = 12;
const VALUE = /"([^"]*)(?:"|$)|'([^']*)(?:'|$)|`([^`]*)(?:`|$)|([^\s>]*)/.source;
const ATTRIBUTE = new RegExp(
  `[\\s\\0/"'\\x60;,]*([^\\s\\0/>=<"'\\x60]*)(?:[\\s\\0]*=[\\s\\0]*(?:${VALUE}))?`,
  'y',
);

const URL_ATTRIBUTES = new Set(
  `action background by code codebase codetype cite classid data data-src dynsrc folder formaction from
  handler href icon longdesc lowsrc manifest poster profile src srcdoc srcset srcset to url usemap values
  xlink:href content filter rel`.split(/\s+/),
);

function isBlackAttribute(written: string, value: string): boolean {
  const name = written.replaceAll('\0', '').toLowerCase();
  if (/^on[a-z]{3,}/.test(name) && EVENTS.test(name)) return true;
  if (/^xmlns|^xml:base|^xlink:|^datasrc$|^dataformatas$|^datafld$|^srcdoc$/.test(name)) return true;
  if (name === 'style' || name === 'filter')
    return /expression\s*\(|javascript\s*:|behaviou?r\s*:|-moz-binding|@import|url\s*\(|\\[0-9a-f]/i.test(
      uncommented(htmlDecoded(value)),
    );
  if (name === 'attributename') return /^\s*(?:on|href|xlink:href)/i.test(value);
  return URL_ATTRIBUTES.has(name) && isScriptUrl(value);
}

function uncommented(css: string): string {
  return css.replace(/\/\*[\s\S]*?\*\//g, '');
}

/** Events by how their names begin after `on`. */
const EVENTS = new RegExp(
  `^on(?:${`abort activate after
  animation app audio auxclick before begin blur bounce broadcast busy cached can
  cell change check click close command composition contextmenu control copy cuechange cut data datum
  dblclick deactivate device dom drag drop duration emptied end error event filter finish focus form
  fullscreen gesture got hash help ice input invalid iterat key layout load losecapture lost media
  message mouse move moz mute node obsolete offline online open orientation outofsync outset page
  paint paste pause play pointer pop progress propertychange rate readystate receiv repeat reset
  resize resum revers row scroll search seek select show sort sound stalled start state stop storage
  submit suspend sync syncrestored text time toggle touch track transition unhandled unload update
  upgrade url user valuechange visibility volume wait webkit wheel zoom`
    .trim()
    .split(/\s+/)
    .join('|')})`,
);

/** `javascript:` and its kind, however it is written: with entities, blanks and control characters. */
function isScriptUrl(value: string): boolean {
  const plain = htmlDecoded(value).replace(/[\0-\x20\x7f-\xff]+/g, '');
  return SCRIPT_URL.test(plain);
}

const SCRIPT_URL = new RegExp(
  [
    '^(?:url\\(?[\'"]?)?(?:(?:java|vb|live|j|ecma|php)script:|view-source:|mocha:|jar:',
    'data:(?!image/(?:png|jpe?g|gif|webp)[;,])',
    '[^,;]*;url=(?:javascript|data):)',
  ].join('|'),
  'i',
);
