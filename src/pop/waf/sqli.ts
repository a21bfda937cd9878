import { type SqlContext, sqlTokens } from './sql-tokens.ts';

/** How eagerly SQL is seen: HIGH also where the shape alone speaks for it. */
export type Sensitivity = 'LOW' | 'HIGH';

/** Octets that are looked at. */
const OCTETS_MAX = 8192;

/**
 * Whether the text looks like SQL that was injected. It is read as what a statement would go on with: bare,
 * and where it has a quote as the rest of a string that the quote ends; a few shapes of what follows then
 * tell. Rates over public corpora stand in docs/edge-security.md.
 */
export function isSqlInjection(octets: string, sensitivity: Sensitivity): boolean {
  const text = octets.length > OCTETS_MAX ? octets.slice(0, OCTETS_MAX) : octets;
  if (!WORTH_A_LOOK.test(text)) return false;
  return CONTEXTS.some(
    (context) =>
      (context === '' || text.includes(context)) &&
      (isInjected(text, context, { hash: false, sensitivity }) ||
        (text.includes('#') && isInjected(text, context, { hash: true, sensitivity }))),
  );
}

/** Without any of these nothing below can match. */
const WORTH_A_LOOK = /['"`;()#=<>|&*+]|--|\b(?:select|union|or|and|order|having|limit|drop|exec|like)\b/i;
const CONTEXTS: readonly SqlContext[] = ['', "'", '"', '`'];

function isInjected(
  text: string,
  context: SqlContext,
  how: { readonly hash: boolean; readonly sensitivity: Sensitivity },
): boolean {
  const { codes, hasInnerComment } = sqlTokens(text, context, how.hash);
  const folded = fold(codes);
  if (ANYWHERE.test(folded)) return true;
  if (context !== '' && AFTER_A_STRING.test(folded)) return true;
  if (context === '' && BARE.test(folded)) return true;
  if (hasInnerComment && WITH_COMMENT.test(folded)) return true;
  return how.sensitivity === 'HIGH' && HIGH.test(folded);
}

/** Signs and parentheses that change nothing are left out: `- ( ( 1 ) )` is a number. */
function fold(codes: string): string {
  let folded = codes;
  for (let before = ''; before !== folded; ) {
    before = folded;
    folded = folded
      .replace(/w(?:\.w)+(?![(.])/g, 'w')
      .replace(/(?<![fDkwQ])\(([nsvwf])\)/g, '$1')
      .replace(/([o&(,l]|^)[o!]+(?=[nsvwfDS(])/g, '$1');
  }
  return folded;
}

/** A value, or the call of a function, that is no English. */
const SURE = '(?:[nsvS]|[fD]\\()';
/** An operator, and a value after it. */
const COMPARED = '[ol][!(o]*(?:[nsvSfDE]|w[cd(])';

/** Shapes that tell, whatever stands around them. */
const ANYWHERE = shapes(
  'U[kn]?\\(*E', // UNION [ALL] SELECT
  '\\(E(?:[nsvof(D,]|[kw,.]*(?:F|$|[),cd]))', // (SELECT …
  ';\\)*E[kTFwvDsfnCo(Q]', // ; DROP TABLE
  ';e(?:[w]?[;c(sv]|E)|;k\\(', // ; IF (
  'D\\(|Q[ks]|FQ', // SLEEP(, WAITFOR DELAY, INTO OUTFILE
  `[&](?:!|\\()*${SURE}[^&]{0,12}${COMPARED}`, // OR 1=1
  `[&](?:!|\\()*wo${SURE}`, // AND name = 'x'
  '[&W]\\(*(?:f\\(|!*l\\(E)', // AND ASCII(
  'W\\(*[nsv][ol]', // WHERE 1=1
  '[kfD]\\([nsv]o[nsv][,)]', // IF(1=1,
  'Bkn(?:[cd;S]|,n)', // ORDER BY 1--
);

/** After a quote that ends the string around the text. */
const AFTER_A_STRING = shapes(
  '^s\\)*[&]!*\\(*(?:n(?:[olcd&;)]|$)|s[olcd&)]|[SvEC(]|[fD]\\(|w(?:[olcd&]|$))', // ' OR 'a
  '^s\\)*c$|^s\\)+[^w]*[cd]$', // '--
  '^s\\)*[ol]!*\\(*(?:S$|n[cd&;)]|n$|[sS][colS&]|[DEC]\\(?|f\\()', // '='
  '^s\\)*[ol]!*\\(*[nvwk]\\)?(?:[ol]+!*|[&])S$', // '^0='
  '^s\\)*;+(?:[EcQ]|k[(n])', // ';
  '^s\\)*Bk?(?:[n(f]|w[cd,])', // ' ORDER BY
  '^s\\)+[oU&]', // ') OR
);

/** After a number or a word that the text begins with, or from its beginning. */
const BARE = shapes(
  '^[nv]\\)*[&]!*\\(*(?:n[olcd&)]|[svS]|[fD]\\(|wo|\\(|E|C)', // 1 OR 1=1
  '^[nvw]\\)+[&lUWBc]', // 1) AND
  '^[nv]\\)*(?:Bk?[nf(]|c$)', // 1 ORDER BY 2
  '^E[kwnsvof,().]*F[w(v]?(?:W|;|c|Bk)', // SELECT … FROM x WHERE
  '^E[of(nv]', // SELECT * …
  'C\\(*[nsvwf(][^&k]{0,4}[ol][nsvwf()]{1,6}k', // CASE WHEN 1=1 THEN
  '^\\([^w;]*\\)+c$', // (1 OR 'b')--
  '^\\([nv][ol][nv]\\)[ol&]', // (1=1)*2
);

/** What words parted by comments would be. */
const WITH_COMMENT = /[&UEBo]\(*[nsvfDE(]|E.*F|^[nsv]\)*[&oU]/;

/** What is only likely. */
const HIGH = shapes(
  '[Ee][kwnsvfo,().]*F[w(]', // SELECT … FROM
  '[&](?:!|\\()*w[ol]w', // OR a=b
  '[nv][&]n', // 1 OR 1
  '[Ee]F?T', // DROP TABLE
  'Ewk', // UPDATE x SET
  '[nsv]\\)*c$',
  '^[nsvwS]*;+(?:[Ee]|$)',
);

function shapes(...all: readonly string[]): RegExp {
  return new RegExp(all.join('|'));
}
