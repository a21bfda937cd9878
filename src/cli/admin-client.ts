import { OperatorError, type OperatorErrorCode, type Problem } from '../base/errors.ts';
import { isLoopback } from '../config/scalars.ts';
import { savedToken } from './admin-token.ts';
import { type Command, type Flags, type Invocation, textFlag } from './command.ts';

/** The flags of every command that talks to a running process. */
export const ADMIN_OPTIONS: Command['options'] = {
  admin: { type: 'string', value: 'URL', help: 'admin API of the process (default http://127.0.0.1:5380)' },
  token: {
    type: 'string',
    value: 'TOKEN',
    help: 'its token, for changes (default: ISOCHRONE_TOKEN, else that in its state folder)',
  },
  state: { type: 'string', value: 'DIR', help: 'its state folder, where the token is (default state)' },
};

/** The state folder of a process whose configuration says nothing of it. */
const DEFAULT_STATE = 'state';

const DEFAULT_URL = 'http://127.0.0.1:5380';
/** `explain` opens the geo databases first: some seconds on a machine that is busy. */
const TIMEOUT_MS = 15_000;

/** A request to the admin API. */
interface AdminRequest {
  /** Path with query: `/api/status`. */
  readonly path: string;
  /** Given: POST with this as JSON. */
  readonly body?: object;
  /** Time that the process has for it, where that is more than usual, ms. */
  readonly timeoutMs?: number;
}

/**
 * Asks a running process. Throws `OperatorError`: `admin-unreachable` when nothing (or something else)
 * answers there, else with what the process says is wrong.
 */
export async function askAdmin<T>(
  request: AdminRequest,
  invocation: Pick<Invocation, 'flags' | 'terminal'>,
): Promise<T> {
  const base = adminUrl(invocation.flags);
  const token = tokenFor(request, base, invocation);
  const url = new URL(request.path, base);
  const { timeoutMs = TIMEOUT_MS } = request;
  const unreachable = (why: string): OperatorError =>
    new OperatorError('admin-unreachable', [{ file: base.origin, message: why }]);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: request.body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      redirect: 'error',
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), invocation.terminal.stop]),
    });
    text = await response.text();
  } catch (error) {
    throw unreachable(reasonOf(error, timeoutMs));
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unreachable(`what answers there is not Isochrone's admin API (HTTP ${response.status})`);
  }
  if (response.ok) return value as T;
  const refused = refusal(value, { url: base.origin, status: response.status });
  if (response.status !== 401) throw refused;
  const message = 'give the token with --token or ISOCHRONE_TOKEN, or say with --state DIR where it is';
  throw new OperatorError(refused.code, [...refused.problems, { file: 'command line', message }]);
}

/** A token that nobody named is told to this machine alone, and only for changes. */
function tokenFor(
  { body }: AdminRequest,
  { hostname }: URL,
  { flags, terminal }: Pick<Invocation, 'flags' | 'terminal'>,
): string | undefined {
  const named = textFlag(flags, 'token') ?? terminal.environment['ISOCHRONE_TOKEN'] ?? '';
  if (named !== '') return named;
  const isHere = hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
  if (body === undefined || !isHere) return undefined;
  return savedToken(textFlag(flags, 'state') ?? DEFAULT_STATE, terminal.readText);
}

function adminUrl(flags: Flags): URL {
  const text = textFlag(flags, 'admin') ?? DEFAULT_URL;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  const message = `--admin ${JSON.stringify(text)} is not a URL such as ${DEFAULT_URL}`;
  throw new OperatorError('bad-usage', [{ file: 'command line', message }]);
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, cause } = error as { name: string; cause?: { code?: string; message?: string } };
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  if (cause?.code === 'ECONNREFUSED')
    return 'nothing listens there: start `isochrone up` or `serve`, or name its address with --admin URL';
  return `cannot be reached: ${cause?.message ?? (error as Error).message}`;
}

/** The error that the process sent: its code and problems. */
function refusal(value: unknown, where: { url: string; status: number }): OperatorError {
  const { code, problems } = (value ?? {}) as { code?: OperatorErrorCode; problems?: Problem[] };
  if (!Array.isArray(problems) || problems.length === 0)
    return new OperatorError('admin-unreachable', [{ file: where.url, message: `HTTP ${where.status}` }]);
  return new OperatorError(code ?? 'not-found', problems);
}
