import { createHash } from 'node:crypto';
import {
  base64Decoded,
  base64DecodedLoosely,
  commandLine,
  cssDecoded,
  escapesDecoded,
  hexDecoded,
  htmlDecoded,
  jsDecoded,
  sqlHexDecoded,
  unicodeEscaped,
  urlDecoded,
  urlDecodedUni,
} from './decoders.ts';

/** A text transformation: octets in, octets out, each as a character from U+0000 to U+00FF. */
export type Transform = (octets: string) => string;

const lowered: Transform = (octets) => octets.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
const compressed: Transform = (octets) => octets.replace(/[\t\n\v\f\r \xa0]+/g, ' ');
const replacedComments: Transform = (octets) => octets.replace(/\/\*[\s\S]*?(?:\*\/|$)/g, ' ');
const md5: Transform = (octets) =>
  createHash('md5').update(Buffer.from(octets, 'latin1')).digest().toString('latin1');

/** By their names in AWS WAFv2 (TextTransformation, Type). */
export const TRANSFORMATIONS: Readonly<Record<string, Transform>> = {
  NONE: (octets) => octets,
  COMPRESS_WHITE_SPACE: compressed,
  HTML_ENTITY_DECODE: htmlDecoded,
  LOWERCASE: lowered,
  CMD_LINE: commandLine,
  URL_DECODE: urlDecoded,
  BASE64_DECODE: base64Decoded,
  HEX_DECODE: hexDecoded,
  MD5: md5,
  REPLACE_COMMENTS: replacedComments,
  ESCAPE_SEQ_DECODE: escapesDecoded,
  SQL_HEX_DECODE: sqlHexDecoded,
  CSS_DECODE: cssDecoded,
  JS_DECODE: jsDecoded,
  NORMALIZE_PATH: (octets) => normalizedPath(octets),
  NORMALIZE_PATH_WIN: (octets) => normalizedPath(octets.replaceAll('\\', '/')),
  REMOVE_NULLS: (octets) => octets.replaceAll('\0', ''),
  REPLACE_NULLS: (octets) => octets.replaceAll('\0', ' '),
  BASE64_DECODE_EXT: base64DecodedLoosely,
  URL_DECODE_UNI: urlDecodedUni,
  UTF8_TO_UNICODE: unicodeEscaped,
};

/** Without doubled slashes, `.` and those `..` that are not at the beginning. */
function normalizedPath(octets: string): string {
  const kept: string[] = [];
  const isAbsolute = octets.startsWith('/');
  for (const part of octets.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!isAbsolute) kept.push(part);
  }
  const last = octets.split('/').at(-1) ?? '';
  const isFolder = kept.length > 0 && (last === '' || last === '.' || last === '..');
  return (isAbsolute ? '/' : '') + kept.join('/') + (isFolder && kept.at(-1) !== '..' ? '/' : '');
}
