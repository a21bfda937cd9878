import { Script } from 'node:vm';
import type { KeyValues } from './key-values.ts';

/** Octets of a function's code, CloudFront's own bound. */
const FUNCTION_OCTETS_MAX = 10_240;

/** A function, ready to run. */
export interface FunctionSource {
  readonly code: string;
  /** What `cf.kvs()` reads; absent: there is none. */
  readonly store?: KeyValues;
}

/** What is wrong, and where if that is known. */
export interface FunctionFault {
  readonly message: string;
  /** 1-based. */
  readonly line?: number;
}

/** Modules that functions may import or require. */
const MODULES = ['buffer', 'cloudfront', 'crypto', 'querystring'];

/** Whether it is read as a module: it imports others. CloudFront's runtime 2.0 takes both. */
export function isModule(code: string): boolean {
  return IMPORTS.test(code);
}

const IMPORTS = /^[ \t]*import\b(?!\s*\()/m;
const IMPORT = /^[ \t]*import\s+(?:[\w$*{}\s,]+?\s+from\s*)?(['"])([^'"\n]*)\1[ \t]*;?/gm;

/** What is wrong with the code of a CloudFront Function, as far as that shows without running it. */
export function functionFault({ code, store }: FunctionSource): FunctionFault | undefined {
  const message = faultOf(code, store !== undefined);
  return message === undefined ? (unknownModule(code) ?? syntaxFault(code)) : { message };
}

function faultOf(code: string, hasStore: boolean): string | undefined {
  const octets = Buffer.byteLength(code);
  if (octets > FUNCTION_OCTETS_MAX)
    return `has ${octets} octets: a function has at most ${FUNCTION_OCTETS_MAX}`;
  if (/\.\s*kvs\s*\(/.test(code) && !hasStore)
    return 'reads a key value store: none under security.keyValueStores names this function';
  const chooses = /\b(?:updateRequestOrigin|selectRequestOriginById|createRequestOriginGroup)\b/.exec(code);
  if (chooses !== null)
    return `uses ${chooses[0]}: functions choose no origin here; a Lambda@Edge handler of originRequest may`;
  if (/^[ \t]*export\b/m.test(code))
    return 'exports something: CloudFront calls the function handler by its name';
  return /\bhandler\b/.test(code) ? undefined : 'has no function handler';
}

function unknownModule(code: string): FunctionFault | undefined {
  for (const { 2: name = '', index } of code.matchAll(IMPORT))
    if (!MODULES.includes(name))
      return {
        message: `imports ${JSON.stringify(name)}: there are ${MODULES.join(', ')}`,
        line: code.slice(0, index).split('\n').length,
      };
  return undefined;
}

/** Parses the code, and runs nothing of it. */
function syntaxFault(code: string): FunctionFault | undefined {
  // A module is strict; its imports stand on lines that stay.
  const script = isModule(code)
    ? `'use strict';${code.replaceAll(IMPORT, (lines) => lines.replaceAll(/[^\n]/g, ' '))}`
    : code;
  try {
    new Script(script, { filename: 'function.js' });
    return undefined;
  } catch (error) {
    const { message, stack = '' } = error as Error;
    const line = /^function\.js:(\d+)/.exec(stack)?.[1];
    return { message: `is no script: ${message}`, ...(line === undefined ? {} : { line: Number(line) }) };
  }
}
