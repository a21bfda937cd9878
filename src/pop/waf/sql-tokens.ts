/**
 * SQL as a string of codes, one a token:
 *
 *   n number   s quoted string   S string without its end   v @variable   w other word
 *   c comment to the end   d the same with words in it
 *   E word that begins a statement   e the same, that English has too   U UNION and its kind
 *   B GROUP, ORDER, HAVING, LIMIT   & AND, OR, XOR   ! NOT   o operator of signs   l operator of letters
 *   f function's name   D dangerous function's name   Q word that only injections have   k other keyword
 *   F FROM, INTO   W WHERE   C CASE, WHEN   T TABLE, DATABASE and such   x other sign   ( ) , ; . { }
 */
export interface SqlTokens {
  readonly codes: string;
  /** A comment hid something in the middle: `/*!`, or words parted by one. */
  readonly hasInnerComment: boolean;
}

/** How the text stands in its statement: bare, or within a string that began with this quote. */
export type SqlContext = '' | "'" | '"' | '`';

/** Tokens that are read: an injection shows at its beginning, and more only costs time. */
const TOKENS_MAX = 128;

/** Reads the text as SQL. Comments within are left out. */
export function sqlTokens(octets: string, context: SqlContext, hashIsComment: boolean): SqlTokens {
  let codes = '';
  let hasInnerComment = false;
  let at = 0;
  if (context !== '') {
    at = stringEnd(octets, 0, context);
    codes = at > octets.length ? 'S' : 's';
  }
  while (at < octets.length && codes.length < TOKENS_MAX) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(octets)?.[0] ?? octets.charAt(at);
    const first = token.charAt(0);
    at += token.length;
    if (/^[\s\0\xa0]/.test(token)) continue;
    if (first === "'" || first === '"' || first === '`') {
      const end = stringEnd(octets, at, first);
      codes += end > octets.length ? 'S' : first === '`' ? 'w' : 's';
      at = end;
    } else if (token.startsWith('/*')) {
      // MySQL runs what stands in /*! … */: only its frame is a comment.
      if (token.startsWith('/*!')) hasInnerComment = true;
      else {
        const end = octets.indexOf('*/', at);
        if (end < 0) codes += commentCode(octets, at);
        else hasInnerComment ||= codes !== '';
        at = end < 0 ? octets.length : end + 2;
      }
    } else if (token === '*/') hasInnerComment = true;
    else if (token === '--' || (token === '#' && hashIsComment)) {
      const end = octets.indexOf('\n', at);
      if (end < 0) codes += commentCode(octets, at);
      else hasInnerComment ||= codes !== '';
      at = end < 0 ? octets.length : end + 1;
    } else codes += codeOf(token);
  }
  return { codes, hasInnerComment };
}

const NUMBER = /0x[0-9a-f]+|0b[01]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/.source;
const WORD = /@{1,2}[\w$.]*|[a-z_\x80-\xff$][\w$\x80-\xff]*/.source;
const OPERATOR = /<=>|<>|!=|<=|>=|:=|\|\||&&|<<|>>|!<|!>|==|\*=|\+=|-=|::/.source;
/** `1UNION` is two tokens. */
const GLUED = /\d+(?=(?:union|and|or)\b)/.source;
const SIGNS = /\/\*!\d*|\/\*|\*\/|--/.source;
const PARTS = [SIGNS, `${NUMBER}(?![\\w$])`, WORD, GLUED, /\d[\w$]*/.source, OPERATOR];
const TOKEN = new RegExp(`[\\s\\0\\xa0]+|${PARTS.join('|')}`, 'iy');

/** After the closing quote; past the end where there is none. Doubled and escaped quotes close nothing. */
function stringEnd(octets: string, from: number, quote: string): number {
  for (let at = octets.indexOf(quote, from); at >= 0; at = octets.indexOf(quote, at + 1)) {
    let slashes = 0;
    while (octets.charAt(at - 1 - slashes) === '\\' && at - 1 - slashes >= from) slashes++;
    if (slashes % 2 === 1) continue;
    if (octets.charAt(at + 1) === quote && from > 0) {
      at++;
      continue;
    }
    return at + 1;
  }
  return octets.length + 1;
}

function commentCode(octets: string, from: number): string {
  return /[a-z]{3}/i.test(octets.slice(from)) ? 'd' : 'c';
}

function codeOf(token: string): string {
  if (/^(?:\d|\.\d)/.test(token)) return /^(?:0x|0b)?[\da-f.]+(?:e[+-]?\d+)?$/i.test(token) ? 'n' : 'w';
  if (token.startsWith('@')) return 'v';
  if (/^[(),;.{}]$/.test(token)) return token;
  if (/^[a-z_\x80-\xff$]/i.test(token)) return WORDS.get(token.toLowerCase()) ?? 'w';
  if (token === '||' || token === '&&') return '&';
  if (token === '!' || token === '~') return '!';
  return /^[\\[\]?:#]$/.test(token) ? 'x' : 'o';
}

const LISTS: Readonly<Record<string, string>> = {
  E: `select insert update delete drop alter exec execute declare shutdown truncate`,
  e: `create merge replace grant revoke call restore backup dbcc handler print use load copy begin`,
  Q: 'waitfor outfile dumpfile sqlite_master information_schema sysobjects syscolumns pg_catalog',
  U: 'union intersect except',
  B: 'group order having limit procedure offset fetch',
  '&': 'and or xor',
  '!': 'not',
  l: `like rlike regexp between in is div mod collate sounds similar ilike glob match escape binary any
    some exists`,
  F: 'from into',
  W: 'where',
  C: 'case when',
  T: 'table database schema view index procedure function trigger user login column',
  k: `all distinct distinctrow top as by then else end set values value on using join inner outer left
    right cross natural asc desc with delay for time if begin while return null true false
    default unknown interval rollup cube to`,
  f: `abs acos asin atan cos cot sin tan degrees radians ascii avg bin bit_and bit_count cast ceil
    char_length character_length chr coalesce compress
    concat concat_ws convert count crc32 curdate current_date current_time current_timestamp current_user
    curtime database date_add date_format date_sub decode elt encode encrypt exp field find_in_set floor
    format found_rows from_unixtime get_lock greatest group_concat hex ifnull iif inet_aton inet_ntoa
    instr isnull lcase least length ln locate log lower lpad ltrim make_set max md5 mid min mod nullif
    now nvl oct octet_length ord password pi position pow power quote rand randomblob repeat replace
    reverse round row_count rpad rtrim schema session_user sha sha1 sha2 sign soundex space sqrt
    sqlite_version str strcmp substr substring substring_index sum suser_name suser_sname sysdate
    system_user trim truncate ucase unhex unicode upper user user_name uuid version char nchar varchar
    quotename replicate stuff patindex charindex host_name db_name db_id object_id object_name to_char
    to_number to_date hashbytes newid string_agg array_agg row_number json_extract unistr zeroblob`,
  D: `sleep benchmark pg_sleep load_file extractvalue updatexml xmltype utl_http utl_inaddr dbms_pipe
    dbms_lock dbms_utility ctxsys sys_eval sys_exec sp_executesql xp_cmdshell xp_regread xp_dirtree
    xp_regwrite sp_makewebtask sp_oacreate openrowset opendatasource generate_series lo_import lo_export
    name_const gtid_subset st_latfromgeohash exp_xml dbms_xmlgen query_to_xml pg_read_file sp_password
    fn_listextendedproperty load_extension httpuritype dbms_ldap`,
};

/** Code of each known word; where one is in two lists the first counts. */
const WORDS: ReadonlyMap<string, string> = new Map(
  Object.entries(LISTS)
    .flatMap(([code, words]) =>
      words
        .trim()
        .split(/\s+/)
        .map((one) => [one, code] as const),
    )
    .reverse(),
);
