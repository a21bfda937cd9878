import { registerHooks } from 'node:module';

/**
 * Preload (`node --import`) that makes two names deadly for the thread that answers: a question for `death.…`
 * throws, one for `stall.…` never ends. It rewrites the source of `answer` as that is loaded, in every thread
 * of the process; nothing of it is in the program.
 */
const DEADLY = `
export function answer(context, query, length, client, out) {
  const label = String.fromCharCode(...query.subarray(13, 13 + Math.min(query[12], 8))).toLowerCase();
  if (label === 'death') throw new Error('killed by a query');
  if (label === 'stall') for (;;);
  return answerUnharmed(context, query, length, client, out);
}
`;

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    if (!url.endsWith('/src/answer/answer.ts')) return loaded;
    const source = String(loaded.source);
    const rewritten = source.replace('export function answer(', 'function answerUnharmed(');
    if (rewritten === source) throw new Error('answer.ts has no such function any more');
    return { ...loaded, source: rewritten + DEADLY };
  },
});
