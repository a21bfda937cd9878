import { Script } from 'node:vm';

/** Octets of a function's code, CloudFront's own bound. */
const FUNCTION_OCTETS_MAX = 10_240;

/** What is wrong, and where if that is known. */
export interface FunctionFault {
  readonly message: string;
  /** 1-based. */
  readonly line?: number;
}

/** What is wrong with the code of a CloudFront Function, as far as that shows without running it. */
export function functionFault(code: string): FunctionFault | undefined {
  const message = faultOf(code);
  return message === undefined ? syntaxFault(code) : { message };
}

function faultOf(code: string): string | undefined {
  const octets = Buffer.byteLength(code);
  if (octets > FUNCTION_OCTETS_MAX)
    return `has ${octets} octets: a function has at most ${FUNCTION_OCTETS_MAX}`;
  if (/\bfrom\s*['"]cloudfront['"]|\brequire\(\s*['"]cloudfront['"]/.test(code))
    return 'uses the module cloudfront: there is no KeyValueStore here';
  if (/^\s*(?:import|export)\b/m.test(code)) return 'is a module: a function is a script, and uses require';
  return /\bhandler\b/.test(code) ? undefined : 'has no function handler';
}

/** Parses the code, and runs nothing of it. */
function syntaxFault(code: string): FunctionFault | undefined {
  try {
    new Script(code, { filename: 'function.js' });
    return undefined;
  } catch (error) {
    const { message, stack = '' } = error as Error;
    const line = /^function\.js:(\d+)/.exec(stack)?.[1];
    return { message: `is no script: ${message}`, ...(line === undefined ? {} : { line: Number(line) }) };
  }
}
