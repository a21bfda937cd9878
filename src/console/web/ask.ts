/** Asks the process that served this page. */

/** What came back: a value, or why there is none in words. `status` 0: nobody answered. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly status: number; readonly words: string };

/** The process itself gives up a question what would happen after two minutes. */
const PATIENCE_MS = 130_000;

/**
 * GET of a JSON reply, with the token where it is given. Never rejects, but for `signal`: then it is
 * `ok: false` with status 0.
 */
export function ask<T>(path: string, signal?: AbortSignal, token?: string): Promise<Answer<T>> {
  const permit = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return exchange<T>(path, { headers: { accept: 'application/json', ...permit } }, signal);
}

/** POST of a change with the token that permits it. Never rejects. */
export function change<T>(path: string, body: object, token: string): Promise<Answer<T>> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return exchange<T>(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function exchange<T>(path: string, init: RequestInit, signal?: AbortSignal): Promise<Answer<T>> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    const response = await fetch(path, {
      ...init,
      cache: 'no-store',
      signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
    });
    const value: unknown = await response.json().catch(() => undefined);
    // The shape is the process's own, of the same version as this page.
    if (response.ok) return { ok: true, value: value as T };
    return { ok: false, status: response.status, words: wordsOf(value) ?? `HTTP ${response.status}` };
  } catch (error) {
    const late = patience.aborted
      ? `no answer within ${PATIENCE_MS / 1000} s`
      : 'the process does not answer';
    return { ok: false, status: 0, words: signal?.aborted ? String(error) : late };
  }
}

function wordsOf(reply: unknown): string | undefined {
  const { problems } = (reply ?? {}) as { problems?: readonly { message?: string }[] };
  const words = problems?.map(({ message }) => message).filter((one) => one !== undefined);
  return words === undefined || words.length === 0 ? undefined : words.join('; ');
}
