// The arm64 instructions that this project knows: one row a form. Encoder, decoder and printer derive from it; the simulator has one
// action a row, and the types see to it that none is missing.
//
// Row: assembly text, the encoder's operands, the bits (notation: util/pattern.ts; fields named as in [ArmARM "A64 Base Instructions"]),
// words that are reserved or another form's, and the preferred aliases with their conditions, first match wins. Deviations in names: `bitmask` is
// N:immr:imms, `bit` b5:b40, `imm` of ADR immhi:immlo, `A` and `R` acquire and release. An operand in units of the manual's scale is
// in bytes here (only ADRP counts 4,096-byte pages).
//
// In texts, `{Rd}` is w or x by sf, size or bit; `{Xn|SP}` has the stack pointer as register 31; other braces are the printer's (print.ts).
import { type Pattern, parsePattern } from '../../util/pattern.ts';

export type Alias = readonly [condition: string, text: string];
export type Row = readonly [text: string, operands: string, bits: string, except?: string, aliases?: readonly Alias[]];

// biome-ignore format: a row a line, aliases below
export const ROWS = {
  // Add and subtract.
  addImm: ['add {Rd|SP}, {Rn|SP}, {#imm12}{, lsl #12}', 'sf Rd Rn imm12 sh', 'sf:1|00100010|sh:1|imm12:12|Rn:5|Rd:5', '', [
    ['Rd=11111 sh=0 imm12=000000000000', 'mov {Rd|SP}, {Rn|SP}'],
    ['Rn=11111 sh=0 imm12=000000000000', 'mov {Rd|SP}, {Rn|SP}'],
  ]],
  addsImm: ['adds {Rd}, {Rn|SP}, {#imm12}{, lsl #12}', 'sf Rd Rn imm12 sh', 'sf:1|01100010|sh:1|imm12:12|Rn:5|Rd:5', '', [
    ['Rd=11111', 'cmn {Rn|SP}, {#imm12}{, lsl #12}'],
  ]],
  subImm: ['sub {Rd|SP}, {Rn|SP}, {#imm12}{, lsl #12}', 'sf Rd Rn imm12 sh', 'sf:1|10100010|sh:1|imm12:12|Rn:5|Rd:5'],
  subsImm: ['subs {Rd}, {Rn|SP}, {#imm12}{, lsl #12}', 'sf Rd Rn imm12 sh', 'sf:1|11100010|sh:1|imm12:12|Rn:5|Rd:5', '', [
    ['Rd=11111', 'cmp {Rn|SP}, {#imm12}{, lsl #12}'],
  ]],
  addReg: ['add {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|0001011|shift:2|0|Rm:5|imm6:6|Rn:5|Rd:5', 'shift=11, sf=0 imm6=1xxxxx'],
  addsReg: ['adds {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|0101011|shift:2|0|Rm:5|imm6:6|Rn:5|Rd:5', 'shift=11, sf=0 imm6=1xxxxx', [
    ['Rd=11111', 'cmn {Rn}, {Rm}{, shift #imm6}'],
  ]],
  subReg: ['sub {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|1001011|shift:2|0|Rm:5|imm6:6|Rn:5|Rd:5', 'shift=11, sf=0 imm6=1xxxxx', [
    ['Rn=11111', 'neg {Rd}, {Rm}{, shift #imm6}'],
  ]],
  subsReg: ['subs {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|1101011|shift:2|0|Rm:5|imm6:6|Rn:5|Rd:5', 'shift=11, sf=0 imm6=1xxxxx', [
    ['Rd=11111', 'cmp {Rn}, {Rm}{, shift #imm6}'],
    ['Rn=11111', 'negs {Rd}, {Rm}{, shift #imm6}'],
  ]],
  addExt: ['add {Rd|SP}, {Rn|SP}, {Rm by option}{, extend #imm3}', 'sf Rd Rn Rm option imm3', 'sf:1|0001011001|Rm:5|option:3|imm3:3|Rn:5|Rd:5', 'imm3=101, imm3=11x'],
  addsExt: ['adds {Rd}, {Rn|SP}, {Rm by option}{, extend #imm3}', 'sf Rd Rn Rm option imm3', 'sf:1|0101011001|Rm:5|option:3|imm3:3|Rn:5|Rd:5', 'imm3=101, imm3=11x', [
    ['Rd=11111', 'cmn {Rn|SP}, {Rm by option}{, extend #imm3}'],
  ]],
  subExt: ['sub {Rd|SP}, {Rn|SP}, {Rm by option}{, extend #imm3}', 'sf Rd Rn Rm option imm3', 'sf:1|1001011001|Rm:5|option:3|imm3:3|Rn:5|Rd:5', 'imm3=101, imm3=11x'],
  subsExt: ['subs {Rd}, {Rn|SP}, {Rm by option}{, extend #imm3}', 'sf Rd Rn Rm option imm3', 'sf:1|1101011001|Rm:5|option:3|imm3:3|Rn:5|Rd:5', 'imm3=101, imm3=11x', [
    ['Rd=11111', 'cmp {Rn|SP}, {Rm by option}{, extend #imm3}'],
  ]],
  adc: ['adc {Rd}, {Rn}, {Rm}', 'sf Rd Rn Rm', 'sf:1|0011010000|Rm:5|000000|Rn:5|Rd:5'],
  adcs: ['adcs {Rd}, {Rn}, {Rm}', 'sf Rd Rn Rm', 'sf:1|0111010000|Rm:5|000000|Rn:5|Rd:5'],
  sbc: ['sbc {Rd}, {Rn}, {Rm}', 'sf Rd Rn Rm', 'sf:1|1011010000|Rm:5|000000|Rn:5|Rd:5', '', [['Rn=11111', 'ngc {Rd}, {Rm}']]],
  sbcs: ['sbcs {Rd}, {Rn}, {Rm}', 'sf Rd Rn Rm', 'sf:1|1111010000|Rm:5|000000|Rn:5|Rd:5', '', [['Rn=11111', 'ngcs {Rd}, {Rm}']]],

  // Logic. The reserved values of N:immr:imms: [ArmARM DecodeBitMasks].
  andImm: ['and {Rd|SP}, {Rn}, {#bitmask}', 'sf Rd Rn bitmask', 'sf:1|00100100|bitmask:13|Rn:5|Rd:5', 'sf=0 bitmask=1xxxxxxxxxxxx, bitmask=1xxxxxx111111, bitmask=0xxxxxxx11111, bitmask=0xxxxxx101111, bitmask=0xxxxxx110111, bitmask=0xxxxxx111011, bitmask=0xxxxxx111101, bitmask=0xxxxxx111110'],
  orrImm: ['orr {Rd|SP}, {Rn}, {#bitmask}', 'sf Rd Rn bitmask', 'sf:1|01100100|bitmask:13|Rn:5|Rd:5', 'sf=0 bitmask=1xxxxxxxxxxxx, bitmask=1xxxxxx111111, bitmask=0xxxxxxx11111, bitmask=0xxxxxx101111, bitmask=0xxxxxx110111, bitmask=0xxxxxx111011, bitmask=0xxxxxx111101, bitmask=0xxxxxx111110', [
    ['Rn=11111 no-movz-or-movn', 'mov {Rd|SP}, {#mov bitmask}'],
  ]],
  eorImm: ['eor {Rd|SP}, {Rn}, {#bitmask}', 'sf Rd Rn bitmask', 'sf:1|10100100|bitmask:13|Rn:5|Rd:5', 'sf=0 bitmask=1xxxxxxxxxxxx, bitmask=1xxxxxx111111, bitmask=0xxxxxxx11111, bitmask=0xxxxxx101111, bitmask=0xxxxxx110111, bitmask=0xxxxxx111011, bitmask=0xxxxxx111101, bitmask=0xxxxxx111110'],
  andsImm: ['ands {Rd}, {Rn}, {#bitmask}', 'sf Rd Rn bitmask', 'sf:1|11100100|bitmask:13|Rn:5|Rd:5', 'sf=0 bitmask=1xxxxxxxxxxxx, bitmask=1xxxxxx111111, bitmask=0xxxxxxx11111, bitmask=0xxxxxx101111, bitmask=0xxxxxx110111, bitmask=0xxxxxx111011, bitmask=0xxxxxx111101, bitmask=0xxxxxx111110', [
    ['Rd=11111', 'tst {Rn}, {#bitmask}'],
  ]],
  andReg: ['and {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|0001010|shift:2|0|Rm:5|imm6:6|Rn:5|Rd:5', 'sf=0 imm6=1xxxxx'],
  bicReg: ['bic {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|0001010|shift:2|1|Rm:5|imm6:6|Rn:5|Rd:5', 'sf=0 imm6=1xxxxx'],
  orrReg: ['orr {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|0101010|shift:2|0|Rm:5|imm6:6|Rn:5|Rd:5', 'sf=0 imm6=1xxxxx', [
    ['Rn=11111 shift=00 imm6=000000', 'mov {Rd}, {Rm}'],
  ]],
  ornReg: ['orn {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|0101010|shift:2|1|Rm:5|imm6:6|Rn:5|Rd:5', 'sf=0 imm6=1xxxxx', [
    ['Rn=11111', 'mvn {Rd}, {Rm}{, shift #imm6}'],
  ]],
  eorReg: ['eor {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|1001010|shift:2|0|Rm:5|imm6:6|Rn:5|Rd:5', 'sf=0 imm6=1xxxxx'],
  eonReg: ['eon {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|1001010|shift:2|1|Rm:5|imm6:6|Rn:5|Rd:5', 'sf=0 imm6=1xxxxx'],
  andsReg: ['ands {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|1101010|shift:2|0|Rm:5|imm6:6|Rn:5|Rd:5', 'sf=0 imm6=1xxxxx', [
    ['Rd=11111', 'tst {Rn}, {Rm}{, shift #imm6}'],
  ]],
  bicsReg: ['bics {Rd}, {Rn}, {Rm}{, shift #imm6}', 'sf Rd Rn Rm shift imm6', 'sf:1|1101010|shift:2|1|Rm:5|imm6:6|Rn:5|Rd:5', 'sf=0 imm6=1xxxxx'],

  // Constants and addresses.
  movz: ['movz {Rd}, {#imm16}{, lsl hw}', 'sf Rd imm16 hw', 'sf:1|10100101|hw:2|imm16:16|Rd:5', 'sf=0 hw=1x', [
    ['mov-by-movz', 'mov {Rd}, {#mov movz}'],
  ]],
  movn: ['movn {Rd}, {#imm16}{, lsl hw}', 'sf Rd imm16 hw', 'sf:1|00100101|hw:2|imm16:16|Rd:5', 'sf=0 hw=1x', [
    ['mov-by-movn', 'mov {Rd}, {#mov movn}'],
  ]],
  movk: ['movk {Rd}, {#imm16}{, lsl hw}', 'sf Rd imm16 hw', 'sf:1|11100101|hw:2|imm16:16|Rd:5', 'sf=0 hw=1x'],
  adr: ['adr {Xd}, {label imm}', 'Rd imm', '0|imm:s21[1:0]|10000|imm:s21[20:2]|Rd:5'],
  adrp: ['adrp {Xd}, {page imm}', 'Rd imm', '1|imm:s21[1:0]|10000|imm:s21[20:2]|Rd:5'],

  // Bit fields and shifts.
  sbfm: ['sbfm {Rd}, {Rn}, {#immr}, {#imms}', 'sf Rd Rn immr imms', 'sf:1|00100110|sf:1|immr:6|imms:6|Rn:5|Rd:5', 'sf=0 immr=1xxxxx, sf=0 imms=1xxxxx', [
    ['immr=000000 imms=000111', 'sxtb {Rd}, {Wn}'],
    ['immr=000000 imms=001111', 'sxth {Rd}, {Wn}'],
    ['sf=1 immr=000000 imms=011111', 'sxtw {Rd}, {Wn}'],
    ['sf=1 imms=111111', 'asr {Rd}, {Rn}, {#immr}'],
    ['sf=0 imms=011111', 'asr {Rd}, {Rn}, {#immr}'],
    ['imms<immr', 'sbfiz {Rd}, {Rn}, {#-immr}, {#imms+1}'],
    ['', 'sbfx {Rd}, {Rn}, {#immr}, {#imms-immr+1}'],
  ]],
  bfm: ['bfm {Rd}, {Rn}, {#immr}, {#imms}', 'sf Rd Rn immr imms', 'sf:1|01100110|sf:1|immr:6|imms:6|Rn:5|Rd:5', 'sf=0 immr=1xxxxx, sf=0 imms=1xxxxx', [
    ['Rn=11111 immr=000000', 'bfc {Rd}, {#-immr}, {#imms+1}'],
    ['Rn=11111 imms<immr', 'bfc {Rd}, {#-immr}, {#imms+1}'],
    ['imms<immr', 'bfi {Rd}, {Rn}, {#-immr}, {#imms+1}'],
    ['', 'bfxil {Rd}, {Rn}, {#immr}, {#imms-immr+1}'],
  ]],
  ubfm: ['ubfm {Rd}, {Rn}, {#immr}, {#imms}', 'sf Rd Rn immr imms', 'sf:1|10100110|sf:1|immr:6|imms:6|Rn:5|Rd:5', 'sf=0 immr=1xxxxx, sf=0 imms=1xxxxx', [
    ['sf=0 immr=000000 imms=000111', 'uxtb {Rd}, {Wn}'],
    ['sf=0 immr=000000 imms=001111', 'uxth {Rd}, {Wn}'],
    ['imms+1=immr', 'lsl {Rd}, {Rn}, {#-immr}'],
    ['sf=1 imms=111111', 'lsr {Rd}, {Rn}, {#immr}'],
    ['sf=0 imms=011111', 'lsr {Rd}, {Rn}, {#immr}'],
    ['imms<immr', 'ubfiz {Rd}, {Rn}, {#-immr}, {#imms+1}'],
    ['', 'ubfx {Rd}, {Rn}, {#immr}, {#imms-immr+1}'],
  ]],
  extr: ['extr {Rd}, {Rn}, {Rm}, {#imms}', 'sf Rd Rn Rm imms', 'sf:1|00100111|sf:1|0|Rm:5|imms:6|Rn:5|Rd:5', 'sf=0 imms=1xxxxx', [
    ['Rn=Rm', 'ror {Rd}, {Rn}, {#imms}'],
  ]],
  lslv: ['lsl {Rd}, {Rn}, {Rm}', 'sf Rd Rn Rm', 'sf:1|0011010110|Rm:5|001000|Rn:5|Rd:5'],
  lsrv: ['lsr {Rd}, {Rn}, {Rm}', 'sf Rd Rn Rm', 'sf:1|0011010110|Rm:5|001001|Rn:5|Rd:5'],
  asrv: ['asr {Rd}, {Rn}, {Rm}', 'sf Rd Rn Rm', 'sf:1|0011010110|Rm:5|001010|Rn:5|Rd:5'],
  rorv: ['ror {Rd}, {Rn}, {Rm}', 'sf Rd Rn Rm', 'sf:1|0011010110|Rm:5|001011|Rn:5|Rd:5'],
  rbit: ['rbit {Rd}, {Rn}', 'sf Rd Rn', 'sf:1|101101011000000000000|Rn:5|Rd:5'],
  rev16: ['rev16 {Rd}, {Rn}', 'sf Rd Rn', 'sf:1|101101011000000000001|Rn:5|Rd:5'],
  rev: ['rev {Rd}, {Rn}', 'sf Rd Rn', 'sf:1|10110101100000000001|sf:1|Rn:5|Rd:5'],
  rev32: ['rev32 {Xd}, {Xn}', 'Rd Rn', '1101101011000000000010|Rn:5|Rd:5'],
  clz: ['clz {Rd}, {Rn}', 'sf Rd Rn', 'sf:1|101101011000000000100|Rn:5|Rd:5'],
  cls: ['cls {Rd}, {Rn}', 'sf Rd Rn', 'sf:1|101101011000000000101|Rn:5|Rd:5'],

  // Multiply and divide.
  madd: ['madd {Rd}, {Rn}, {Rm}, {Ra}', 'sf Rd Rn Rm Ra', 'sf:1|0011011000|Rm:5|0|Ra:5|Rn:5|Rd:5', '', [
    ['Ra=11111', 'mul {Rd}, {Rn}, {Rm}'],
  ]],
  msub: ['msub {Rd}, {Rn}, {Rm}, {Ra}', 'sf Rd Rn Rm Ra', 'sf:1|0011011000|Rm:5|1|Ra:5|Rn:5|Rd:5', '', [
    ['Ra=11111', 'mneg {Rd}, {Rn}, {Rm}'],
  ]],
  smaddl: ['smaddl {Xd}, {Wn}, {Wm}, {Xa}', 'Rd Rn Rm Ra', '10011011001|Rm:5|0|Ra:5|Rn:5|Rd:5', '', [
    ['Ra=11111', 'smull {Xd}, {Wn}, {Wm}'],
  ]],
  smsubl: ['smsubl {Xd}, {Wn}, {Wm}, {Xa}', 'Rd Rn Rm Ra', '10011011001|Rm:5|1|Ra:5|Rn:5|Rd:5', '', [
    ['Ra=11111', 'smnegl {Xd}, {Wn}, {Wm}'],
  ]],
  umaddl: ['umaddl {Xd}, {Wn}, {Wm}, {Xa}', 'Rd Rn Rm Ra', '10011011101|Rm:5|0|Ra:5|Rn:5|Rd:5', '', [
    ['Ra=11111', 'umull {Xd}, {Wn}, {Wm}'],
  ]],
  umsubl: ['umsubl {Xd}, {Wn}, {Wm}, {Xa}', 'Rd Rn Rm Ra', '10011011101|Rm:5|1|Ra:5|Rn:5|Rd:5', '', [
    ['Ra=11111', 'umnegl {Xd}, {Wn}, {Wm}'],
  ]],
  smulh: ['smulh {Xd}, {Xn}, {Xm}', 'Rd Rn Rm', '10011011010|Rm:5|011111|Rn:5|Rd:5'],
  umulh: ['umulh {Xd}, {Xn}, {Xm}', 'Rd Rn Rm', '10011011110|Rm:5|011111|Rn:5|Rd:5'],
  udiv: ['udiv {Rd}, {Rn}, {Rm}', 'sf Rd Rn Rm', 'sf:1|0011010110|Rm:5|000010|Rn:5|Rd:5'],
  sdiv: ['sdiv {Rd}, {Rn}, {Rm}', 'sf Rd Rn Rm', 'sf:1|0011010110|Rm:5|000011|Rn:5|Rd:5'],

  // Conditional select and compare.
  csel: ['csel {Rd}, {Rn}, {Rm}, {cond}', 'sf Rd Rn Rm cond', 'sf:1|0011010100|Rm:5|cond:4|00|Rn:5|Rd:5'],
  csinc: ['csinc {Rd}, {Rn}, {Rm}, {cond}', 'sf Rd Rn Rm cond', 'sf:1|0011010100|Rm:5|cond:4|01|Rn:5|Rd:5', '', [
    ['Rn=11111 Rm=11111 cond<al', 'cset {Rd}, {!cond}'],
    ['Rn=Rm cond<al', 'cinc {Rd}, {Rn}, {!cond}'],
  ]],
  csinv: ['csinv {Rd}, {Rn}, {Rm}, {cond}', 'sf Rd Rn Rm cond', 'sf:1|1011010100|Rm:5|cond:4|00|Rn:5|Rd:5', '', [
    ['Rn=11111 Rm=11111 cond<al', 'csetm {Rd}, {!cond}'],
    ['Rn=Rm cond<al', 'cinv {Rd}, {Rn}, {!cond}'],
  ]],
  csneg: ['csneg {Rd}, {Rn}, {Rm}, {cond}', 'sf Rd Rn Rm cond', 'sf:1|1011010100|Rm:5|cond:4|01|Rn:5|Rd:5', '', [
    ['Rn=Rm cond<al', 'cneg {Rd}, {Rn}, {!cond}'],
  ]],
  ccmnReg: ['ccmn {Rn}, {Rm}, {#nzcv}, {cond}', 'sf Rn Rm nzcv cond', 'sf:1|0111010010|Rm:5|cond:4|00|Rn:5|0|nzcv:4'],
  ccmpReg: ['ccmp {Rn}, {Rm}, {#nzcv}, {cond}', 'sf Rn Rm nzcv cond', 'sf:1|1111010010|Rm:5|cond:4|00|Rn:5|0|nzcv:4'],
  ccmnImm: ['ccmn {Rn}, {#imm5}, {#nzcv}, {cond}', 'sf Rn imm5 nzcv cond', 'sf:1|0111010010|imm5:5|cond:4|10|Rn:5|0|nzcv:4'],
  ccmpImm: ['ccmp {Rn}, {#imm5}, {#nzcv}, {cond}', 'sf Rn imm5 nzcv cond', 'sf:1|1111010010|imm5:5|cond:4|10|Rn:5|0|nzcv:4'],

  // Loads and stores. size 0 to 3: 1, 2, 4, 8 bytes; ldrsX extends the sign to 64 bits, ldrsW to 32.
  strImm: ['str{size} {Rt}, [{Xn|SP}{, #imm12}]', 'size Rt Rn imm12', 'size:2|11100100|imm12:12<<size|Rn:5|Rt:5'],
  ldrImm: ['ldr{size} {Rt}, [{Xn|SP}{, #imm12}]', 'size Rt Rn imm12', 'size:2|11100101|imm12:12<<size|Rn:5|Rt:5'],
  ldrsXImm: ['ldrs{size|w} {Xt}, [{Xn|SP}{, #imm12}]', 'size Rt Rn imm12', 'size:2|11100110|imm12:12<<size|Rn:5|Rt:5', 'size=11'],
  ldrsWImm: ['ldrs{size|w} {Wt}, [{Xn|SP}{, #imm12}]', 'size Rt Rn imm12', 'size:2|11100111|imm12:12<<size|Rn:5|Rt:5', 'size=1x'],
  stur: ['stur{size} {Rt}, [{Xn|SP}{, #imm9}]', 'size Rt Rn imm9', 'size:2|111000000|imm9:s9|00|Rn:5|Rt:5'],
  ldur: ['ldur{size} {Rt}, [{Xn|SP}{, #imm9}]', 'size Rt Rn imm9', 'size:2|111000010|imm9:s9|00|Rn:5|Rt:5'],
  ldursX: ['ldurs{size|w} {Xt}, [{Xn|SP}{, #imm9}]', 'size Rt Rn imm9', 'size:2|111000100|imm9:s9|00|Rn:5|Rt:5', 'size=11'],
  ldursW: ['ldurs{size|w} {Wt}, [{Xn|SP}{, #imm9}]', 'size Rt Rn imm9', 'size:2|111000110|imm9:s9|00|Rn:5|Rt:5', 'size=1x'],
  strPost: ['str{size} {Rt}, [{Xn|SP}], {#imm9}', 'size Rt Rn imm9', 'size:2|111000000|imm9:s9|01|Rn:5|Rt:5'],
  ldrPost: ['ldr{size} {Rt}, [{Xn|SP}], {#imm9}', 'size Rt Rn imm9', 'size:2|111000010|imm9:s9|01|Rn:5|Rt:5'],
  ldrsXPost: ['ldrs{size|w} {Xt}, [{Xn|SP}], {#imm9}', 'size Rt Rn imm9', 'size:2|111000100|imm9:s9|01|Rn:5|Rt:5', 'size=11'],
  ldrsWPost: ['ldrs{size|w} {Wt}, [{Xn|SP}], {#imm9}', 'size Rt Rn imm9', 'size:2|111000110|imm9:s9|01|Rn:5|Rt:5', 'size=1x'],
  strPre: ['str{size} {Rt}, [{Xn|SP}, {#imm9}]!', 'size Rt Rn imm9', 'size:2|111000000|imm9:s9|11|Rn:5|Rt:5'],
  ldrPre: ['ldr{size} {Rt}, [{Xn|SP}, {#imm9}]!', 'size Rt Rn imm9', 'size:2|111000010|imm9:s9|11|Rn:5|Rt:5'],
  ldrsXPre: ['ldrs{size|w} {Xt}, [{Xn|SP}, {#imm9}]!', 'size Rt Rn imm9', 'size:2|111000100|imm9:s9|11|Rn:5|Rt:5', 'size=11'],
  ldrsWPre: ['ldrs{size|w} {Wt}, [{Xn|SP}, {#imm9}]!', 'size Rt Rn imm9', 'size:2|111000110|imm9:s9|11|Rn:5|Rt:5', 'size=1x'],
  strReg: ['str{size} {Rt}, [{Xn|SP}, {Rm by option}{, extend S}]', 'size Rt Rn Rm option S', 'size:2|111000001|Rm:5|option:3|S:1|10|Rn:5|Rt:5', 'option=x0x'],
  ldrReg: ['ldr{size} {Rt}, [{Xn|SP}, {Rm by option}{, extend S}]', 'size Rt Rn Rm option S', 'size:2|111000011|Rm:5|option:3|S:1|10|Rn:5|Rt:5', 'option=x0x'],
  ldrsXReg: ['ldrs{size|w} {Xt}, [{Xn|SP}, {Rm by option}{, extend S}]', 'size Rt Rn Rm option S', 'size:2|111000101|Rm:5|option:3|S:1|10|Rn:5|Rt:5', 'option=x0x, size=11'],
  ldrsWReg: ['ldrs{size|w} {Wt}, [{Xn|SP}, {Rm by option}{, extend S}]', 'size Rt Rn Rm option S', 'size:2|111000111|Rm:5|option:3|S:1|10|Rn:5|Rt:5', 'option=x0x, size=1x'],
  stp: ['stp {Rt}, {Rt2}, [{Xn|SP}{, #imm7}]', 'sf Rt Rt2 Rn imm7', 'sf:1|010100100|imm7:s7<<2+sf|Rt2:5|Rn:5|Rt:5'],
  ldp: ['ldp {Rt}, {Rt2}, [{Xn|SP}{, #imm7}]', 'sf Rt Rt2 Rn imm7', 'sf:1|010100101|imm7:s7<<2+sf|Rt2:5|Rn:5|Rt:5'],
  stpPost: ['stp {Rt}, {Rt2}, [{Xn|SP}], {#imm7}', 'sf Rt Rt2 Rn imm7', 'sf:1|010100010|imm7:s7<<2+sf|Rt2:5|Rn:5|Rt:5'],
  ldpPost: ['ldp {Rt}, {Rt2}, [{Xn|SP}], {#imm7}', 'sf Rt Rt2 Rn imm7', 'sf:1|010100011|imm7:s7<<2+sf|Rt2:5|Rn:5|Rt:5'],
  stpPre: ['stp {Rt}, {Rt2}, [{Xn|SP}, {#imm7}]!', 'sf Rt Rt2 Rn imm7', 'sf:1|010100110|imm7:s7<<2+sf|Rt2:5|Rn:5|Rt:5'],
  ldpPre: ['ldp {Rt}, {Rt2}, [{Xn|SP}, {#imm7}]!', 'sf Rt Rt2 Rn imm7', 'sf:1|010100111|imm7:s7<<2+sf|Rt2:5|Rn:5|Rt:5'],
  ldrLit: ['ldr {Rt}, {label imm19}', 'sf Rt imm19', '0|sf:1|011000|imm19:s19<<2|Rt:5'],

  // Ordered and exclusive accesses, and atomics (FEAT_LSE).
  stlr: ['stlr{size} {Rt}, [{Xn|SP}]', 'size Rt Rn', 'size:2|001000100|11111|1|11111|Rn:5|Rt:5'],
  ldar: ['ldar{size} {Rt}, [{Xn|SP}]', 'size Rt Rn', 'size:2|001000110|11111|1|11111|Rn:5|Rt:5'],
  stxr: ['stxr{size} {Ws}, {Rt}, [{Xn|SP}]', 'size Rs Rt Rn', 'size:2|001000000|Rs:5|0|11111|Rn:5|Rt:5'],
  stlxr: ['stlxr{size} {Ws}, {Rt}, [{Xn|SP}]', 'size Rs Rt Rn', 'size:2|001000000|Rs:5|1|11111|Rn:5|Rt:5'],
  ldxr: ['ldxr{size} {Rt}, [{Xn|SP}]', 'size Rt Rn', 'size:2|001000010|11111|0|11111|Rn:5|Rt:5'],
  ldaxr: ['ldaxr{size} {Rt}, [{Xn|SP}]', 'size Rt Rn', 'size:2|001000010|11111|1|11111|Rn:5|Rt:5'],
  clrex: ['clrex{ #CRm}', 'CRm', '11010101000000110011|CRm:4|01011111'],
  ldadd: ['ldadd{A?a}{R?l}{size} {Rs}, {Rt}, [{Xn|SP}]', 'size A R Rs Rt Rn', 'size:2|111000|A:1|R:1|1|Rs:5|000000|Rn:5|Rt:5', '', [
    ['A=0 Rt=11111', 'stadd{R?l}{size} {Rs}, [{Xn|SP}]'],
  ]],
  ldclr: ['ldclr{A?a}{R?l}{size} {Rs}, {Rt}, [{Xn|SP}]', 'size A R Rs Rt Rn', 'size:2|111000|A:1|R:1|1|Rs:5|000100|Rn:5|Rt:5', '', [
    ['A=0 Rt=11111', 'stclr{R?l}{size} {Rs}, [{Xn|SP}]'],
  ]],
  ldeor: ['ldeor{A?a}{R?l}{size} {Rs}, {Rt}, [{Xn|SP}]', 'size A R Rs Rt Rn', 'size:2|111000|A:1|R:1|1|Rs:5|001000|Rn:5|Rt:5', '', [
    ['A=0 Rt=11111', 'steor{R?l}{size} {Rs}, [{Xn|SP}]'],
  ]],
  ldset: ['ldset{A?a}{R?l}{size} {Rs}, {Rt}, [{Xn|SP}]', 'size A R Rs Rt Rn', 'size:2|111000|A:1|R:1|1|Rs:5|001100|Rn:5|Rt:5', '', [
    ['A=0 Rt=11111', 'stset{R?l}{size} {Rs}, [{Xn|SP}]'],
  ]],
  swp: ['swp{A?a}{R?l}{size} {Rs}, {Rt}, [{Xn|SP}]', 'size A R Rs Rt Rn', 'size:2|111000|A:1|R:1|1|Rs:5|100000|Rn:5|Rt:5'],
  cas: ['cas{A?a}{R?l}{size} {Rs}, {Rt}, [{Xn|SP}]', 'size A R Rs Rt Rn', 'size:2|0010001|A:1|1|Rs:5|R:1|11111|Rn:5|Rt:5'],
  dmb: ['dmb {barrier}', 'CRm', '11010101000000110011|CRm:4|10111111'],
  dsb: ['dsb {barrier}', 'CRm', '11010101000000110011|CRm:4|10011111', 'CRm=0000, CRm=0100'],
  isb: ['isb{ #CRm}', 'CRm', '11010101000000110011|CRm:4|11011111'],
  sb: ['sb', '', '11010101000000110011000011111111'],

  // Branches.
  b: ['b {label imm26}', 'imm26', '000101|imm26:s26<<2'],
  bl: ['bl {label imm26}', 'imm26', '100101|imm26:s26<<2'],
  bcond: ['b.{cond} {label imm19}', 'cond imm19', '01010100|imm19:s19<<2|0|cond:4'],
  cbz: ['cbz {Rt}, {label imm19}', 'sf Rt imm19', 'sf:1|0110100|imm19:s19<<2|Rt:5'],
  cbnz: ['cbnz {Rt}, {label imm19}', 'sf Rt imm19', 'sf:1|0110101|imm19:s19<<2|Rt:5'],
  tbz: ['tbz {Rt}, {#bit}, {label imm14}', 'Rt bit imm14', 'bit:6[5]|0110110|bit:6[4:0]|imm14:s14<<2|Rt:5'],
  tbnz: ['tbnz {Rt}, {#bit}, {label imm14}', 'Rt bit imm14', 'bit:6[5]|0110111|bit:6[4:0]|imm14:s14<<2|Rt:5'],
  br: ['br {Xn}', 'Rn', '1101011000011111000000|Rn:5|00000'],
  blr: ['blr {Xn}', 'Rn', '1101011000111111000000|Rn:5|00000'],
  ret: ['ret{ Xn}', 'Rn', '1101011001011111000000|Rn:5|00000'],
  retaa: ['retaa', '', '11010110010111110000101111111111'],

  // Hints, traps, system.
  nop: ['nop', '', '11010101000000110010000000011111'],
  bti: ['bti{ targets}', 'targets', '110101010000001100100100|targets:2|011111'],
  paciasp: ['paciasp', '', '11010101000000110010001100111111'],
  autiasp: ['autiasp', '', '11010101000000110010001110111111'],
  brk: ['brk {#0ximm16}', 'imm16', '11010100001|imm16:16|00000'],
  hlt: ['hlt {#0ximm16}', 'imm16', '11010100010|imm16:16|00000'],
  udf: ['udf {#imm16}', 'imm16', '0000000000000000|imm16:16'],
  mrsTpidr: ['mrs {Xt}, TPIDR_EL0', 'Rt', '110101010011101111010000010|Rt:5'],
} as const;

export type FormName = keyof typeof ROWS;

export interface Form {
  readonly name: FormName;
  readonly text: string;
  readonly operands: readonly string[];
  readonly pattern: Pattern;
  readonly aliases: readonly Alias[];
}

/** In the order of the rows; a form's number is its place. */
export const FORMS: readonly Form[] = (Object.entries(ROWS) as [FormName, Row][]).map(
  ([name, [text, operands, bits, except, aliases]]) => ({
    name,
    text,
    operands: operands === '' ? [] : operands.split(' '),
    pattern: parsePattern(bits, except),
    aliases: aliases ?? [],
  }),
);
