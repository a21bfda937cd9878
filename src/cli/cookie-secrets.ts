import { randomBytes } from 'node:crypto';
import { SECRET_OCTETS, SECRETS_MAX, setCookieSecrets, setCookieTime } from '../answer/cookies.ts';
import type { Clock } from '../base/clock.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { Terminal } from './command.ts';

type CookieConfig = { readonly dns: Pick<Config['dns'], 'cookies'> };
type ReadText = Pick<Terminal, 'readText'>;

/** The time is told, and the file looked at, this often. */
const EVERY_MS = 1000;
/** A secret that this process made itself makes cookies for so long (RFC 7873 §7.1: a day is advised). */
const OWN_SECRET_MS = 86_400_000;
const SECRET = /^[0-9a-fA-F]{32}$/;

/** The secrets in a file, one a line; `#` begins a comment. Problems say what is wrong with it. */
function readSecrets(text: string, file: string): { secrets: Uint8Array[]; problems: Problem[] } {
  const secrets: Uint8Array[] = [];
  const problems: Problem[] = [];
  for (const [index, whole] of text.split('\n').entries()) {
    const line = whole.replace(/#.*/, '').trim();
    if (line === '') continue;
    // The line itself is a secret, or meant to be one: it is not shown.
    if (!SECRET.test(line))
      problems.push({
        file,
        line: index + 1,
        message: `not a secret of ${SECRET_OCTETS * 2} hexadecimal digits`,
      });
    else secrets.push(Buffer.from(line, 'hex'));
  }
  if (secrets.length === 0 && problems.length === 0)
    problems.push({ file, message: 'holds no secret: 32 hexadecimal digits on a line' });
  if (secrets.length > SECRETS_MAX)
    problems.push({ file, message: `holds ${secrets.length} secrets, but at most ${SECRETS_MAX} count` });
  return { secrets, problems };
}

/** What is wrong with the file of secrets that the configuration names. */
export function cookieProblems({ dns }: CookieConfig, { readText }: ReadText): readonly Problem[] {
  const { secretsFile } = dns.cookies;
  if (secretsFile === undefined) return [];
  try {
    return readSecrets(readText(secretsFile), secretsFile).problems;
  } catch (error) {
    if (error instanceof OperatorError) return error.problems;
    throw error;
  }
}

/**
 * Puts time and secrets into the words of `cookieWords`, from then on too: the time each second, secrets when
 * their file changes, or each day where they are this process's own. A file that is broken later is reported
 * and changes nothing. Throws `OperatorError` if it is broken at first. Returns how to stop.
 */
export function keepCookies(options: {
  readonly config: CookieConfig;
  readonly words: Int32Array;
  readonly clock: Clock;
  readonly terminal: ReadText;
  readonly log: (message: string) => void;
}): () => void {
  const { config, words, clock, terminal, log } = options;
  const { enabled, secrets, secretsFile } = config.dns.cookies;
  if (!enabled) return () => undefined;
  const tell = (): void => setCookieTime(words, Math.floor(clock.nowMs() / 1000));
  tell();
  const timers = [setInterval(tell, EVERY_MS)];
  if (secretsFile !== undefined) {
    let known = terminal.readText(secretsFile);
    const first = readSecrets(known, secretsFile);
    if (first.problems.length > 0) {
      clearInterval(timers[0]);
      throw new OperatorError('bad-config', first.problems);
    }
    setCookieSecrets(words, first.secrets);
    const look = (): void => {
      const text = textOf(terminal, secretsFile);
      if (text === known) return;
      known = text;
      const next = readSecrets(text, secretsFile);
      if (next.problems.length === 0) setCookieSecrets(words, next.secrets);
      const [problem] = next.problems;
      log(
        problem === undefined
          ? `cookies: ${next.secrets.length} secrets taken from ${secretsFile}`
          : `cookies: the secrets before are kept: ${secretsFile}: ${problem.message}`,
      );
    };
    timers.push(setInterval(look, EVERY_MS));
  } else if (secrets.length > 0)
    setCookieSecrets(
      words,
      secrets.map((hex) => Buffer.from(hex, 'hex')),
    );
  else {
    let own: Uint8Array[] = [];
    const renew = (): void => {
      own = [randomBytes(SECRET_OCTETS), ...own].slice(0, 2);
      setCookieSecrets(words, own);
    };
    renew();
    timers.push(setInterval(renew, OWN_SECRET_MS));
  }
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/** An empty text where the file cannot be read: then it is reported as holding nothing. */
function textOf({ readText }: ReadText, file: string): string {
  try {
    return readText(file);
  } catch {
    return '';
  }
}
