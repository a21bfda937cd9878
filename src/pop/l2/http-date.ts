/**
 * An HTTP date (RFC 9110 §5.6.7) in each of its three forms, in ms since 1970 UTC; undefined where the text
 * is none. Case of names does not matter; two-digit years lie at most 50 years ahead of `nowMs`.
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  const fixed = IMF.exec(text);
  if (fixed !== null) return dateOf(fixed[1], fixed[2], Number(fixed[3]), fixed[4]);
  const old = RFC850.exec(text);
  if (old !== null) {
    const nowYear = new Date(nowMs).getUTCFullYear();
    const year = Math.floor(nowYear / 100) * 100 + Number(old[3]);
    return dateOf(old[1], old[2], year > nowYear + 50 ? year - 100 : year, old[4]);
  }
  const ansi = ASCTIME.exec(text);
  return ansi === null ? undefined : dateOf(ansi[2], ansi[1], Number(ansi[4]), ansi[3]);
}

/** IMF-fixdate, the form that is sent. */
export function formatHttpDate(atMs: number): string {
  return new Date(atMs).toUTCString();
}

const TIME = '(\\d{2}:\\d{2}:\\d{2})';
const IMF = new RegExp(`^[a-z]{3}, (\\d{2}) ([a-z]{3}) (\\d{4}) ${TIME} gmt$`, 'i');
const RFC850 = new RegExp(`^[a-z]{6,9}, (\\d{2})-([a-z]{3})-(\\d{2}) ${TIME} gmt$`, 'i');
const ASCTIME = new RegExp(`^[a-z]{3} ([a-z]{3}) ([ \\d]\\d) ${TIME} (\\d{4})$`, 'i');
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

function dateOf(day = '', monthName = '', year = 0, time = ''): number | undefined {
  const month = MONTHS.indexOf(monthName.toLowerCase());
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number);
  if (month < 0 || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  return Date.UTC(year, month, Number(day), hours, minutes, seconds);
}
