/** Times that recur, as crontab(5) writes them. */
export interface Cron {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>;
  /** Both are restricted: a day that either names counts. */
  readonly isEitherDay: boolean;
}

/** A time of day by the clock on a wall. */
export interface WallTime {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly words?: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of the month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, words: MONTHS },
  { name: 'day of the week', min: 0, max: 7, words: WEEKDAYS },
];

/** Reads five fields: numbers, names, ranges, lists, steps, `*`. A text says what is wrong. */
export function parseCron(text: string): Cron | string {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== FIELDS.length)
    return `${JSON.stringify(text)} is not five fields: ${FIELDS.map(({ name }) => name).join(', ')}`;
  const sets = FIELDS.map((field, i) => parseField(fields[i] as string, field));
  const wrong = sets.find((set) => typeof set === 'string');
  if (typeof wrong === 'string') return `${JSON.stringify(text)}: ${wrong}`;
  const [minutes, hours, days, months, written] = sets as readonly ReadonlySet<number>[];
  return {
    minutes: minutes as ReadonlySet<number>,
    hours: hours as ReadonlySet<number>,
    days: days as ReadonlySet<number>,
    months: months as ReadonlySet<number>,
    weekdays: new Set([...(written as ReadonlySet<number>)].map((day) => day % 7)),
    isEitherDay: !fields[2]?.startsWith('*') && !fields[4]?.startsWith('*'),
  };
}

/** Whether a time is one of them. */
export function isCronTime(cron: Cron, { minute, hour, day, month, weekday }: WallTime): boolean {
  if (!cron.minutes.has(minute) || !cron.hours.has(hour) || !cron.months.has(month)) return false;
  const isDay = cron.days.has(day);
  const isWeekday = cron.weekdays.has(weekday);
  return cron.isEitherDay ? isDay || isWeekday : isDay && isWeekday;
}

function parseField(text: string, field: Field): ReadonlySet<number> | string {
  const { name, min, max } = field;
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d{1,2}))?$/.exec(part);
    const step = match?.[3] === undefined ? 1 : Number(match[3]);
    const isAll = match !== null && match[1] === undefined;
    const from = isAll ? min : numberOf(match?.[1], field);
    const to = isAll
      ? max
      : match?.[2] === undefined && match?.[3] === undefined
        ? from
        : endOf(match, field);
    if (from === undefined || to === undefined || from > to || step < 1)
      return `${JSON.stringify(part)} is no ${name}, ${min} to ${max}`;
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

/** The last value of a range; of `5/10` it is the field's. */
function endOf(match: RegExpExecArray | null, field: Field): number | undefined {
  return match?.[2] === undefined ? field.max : numberOf(match[2], field);
}

function numberOf(text: string | undefined, { min, max, words }: Field): number | undefined {
  if (text === undefined) return undefined;
  const word = words?.indexOf(text.toLowerCase()) ?? -1;
  const value = word >= 0 ? word + min : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}
