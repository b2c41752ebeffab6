// Form, operands, text, bytes: written by `npm run oracle-x64 -- --golden`, which compares them with llvm-mc 19; branches show rel.
export const GOLDEN = `
mov r8, r8|3 6|mov bl, sil|4088f3
mov r8, r8|12 10|mov r12b, r10b|4588d4
mov r8, r8|13 6|mov r13b, sil|4188f5
mov r8, r8|12 15|mov r12b, r15b|4588fc
mov m8, r8|0 127 6|mov byte ptr [rax + 127], sil|4088707f
mov m8, r8|524 0 6|mov byte ptr [r12 + rsi], sil|41883434
mov m8, r8|2062 -2147483648 14|mov byte ptr [r14 + r12 - 2147483648], r14b|4788b42600000080
mov m8, r8|12 0 15|mov byte ptr [r12], r15b|45883c24
mov r16, r16|3 6|mov bx, si|6689f3
mov r16, r16|12 10|mov r12w, r10w|664589d4
mov r16, r16|13 6|mov r13w, si|664189f5
mov r16, r16|12 15|mov r12w, r15w|664589fc
mov m16, r16|0 127 6|mov word ptr [rax + 127], si|6689707f
mov m16, r16|832 0 4|mov word ptr [rax + 4*rdi], sp|668924b8
mov m16, r16|2372 1 4|mov word ptr [rsp + 4*r13 + 1], sp|66428964ac01
mov m16, r16|12 0 15|mov word ptr [r12], r15w|6645893c24
mov r32, r32|3 6|mov ebx, esi|89f3
mov r32, r32|12 10|mov r12d, r10d|4589d4
mov r32, r32|13 6|mov r13d, esi|4189f5
mov r32, r32|12 15|mov r12d, r15d|4589fc
mov m32, r32|0 127 6|mov dword ptr [rax + 127], esi|89707f
mov m32, r32|619 -1 15|mov dword ptr [r11 + 8*rsi - 1], r15d|45897cf3ff
mov m32, r32|2060 -129 6|mov dword ptr [r12 + r12 - 129], esi|4389b4247fffffff
mov m32, r32|12 0 15|mov dword ptr [r12], r15d|45893c24
mov r64, r64|3 6|mov rbx, rsi|4889f3
mov r64, r64|12 10|mov r12, r10|4d89d4
mov r64, r64|13 6|mov r13, rsi|4989f5
mov r64, r64|12 15|mov r12, r15|4d89fc
mov m64, r64|0 127 6|mov qword ptr [rax + 127], rsi|4889707f
mov m64, r64|590 128 12|mov qword ptr [r14 + 4*rsi + 128], r12|4d89a4b680000000
mov m64, r64|2369 2147483647 0|mov qword ptr [rcx + 4*r13 + 2147483647], rax|4a8984a9ffffff7f
mov m64, r64|12 0 15|mov qword ptr [r12], r15|4d893c24
mov r8, m8|3 0 -129|mov bl, byte ptr [rax - 129]|8a987fffffff
mov r8, m8|1 1864 128|mov cl, byte ptr [r8 + 4*rbx + 128]|418a8c9880000000
mov r8, m8|1 3660 -129|mov cl, byte ptr [r12 + 4*r10 - 129]|438a8c947fffffff
mov r8, m8|1 16 2147483647|mov cl, byte ptr [rip + 2147483647]|8a0dffffff7f
mov r16, m16|3 0 -129|mov bx, word ptr [rax - 129]|668b987fffffff
mov r16, m16|3 1796 2147483647|mov bx, word ptr [rsp + rbx + 2147483647]|668b9c1cffffff7f
mov r16, m16|4 3689 128|mov sp, word ptr [r9 + 8*r10 + 128]|66438ba4d180000000
mov r16, m16|5 16 127|mov bp, word ptr [rip + 127]|668b2d7f000000
mov r32, m32|3 0 -129|mov ebx, dword ptr [rax - 129]|8b987fffffff
mov r32, m32|12 1903 127|mov r12d, dword ptr [r15 + 8*rbx + 127]|458b64df7f
mov r32, m32|3 3840 -1|mov ebx, dword ptr [rax + r11 - 1]|428b5c18ff
mov r32, m32|10 17 -2147483648|mov r10d, dword ptr [-2147483648]|448b142500000080
mov r64, m64|3 0 -129|mov rbx, qword ptr [rax - 129]|488b987fffffff
mov r64, m64|3 1804 -129|mov rbx, qword ptr [r12 + rbx - 129]|498b9c1c7fffffff
mov r64, m64|11 3598 -129|mov r11, qword ptr [r14 + r10 - 129]|4f8b9c167fffffff
mov r64, m64|3 16 -2147483648|mov rbx, qword ptr [rip - 2147483648]|488b1d00000080
mov r32, imm32|3 -2147483648|mov ebx, 2147483648|bb00000080
mov r32, imm32|8 0|mov r8d, 0|41b800000000
mov r32, imm32|15 1|mov r15d, 1|41bf01000000
mov r32, imm32|6 2147483647|mov esi, 2147483647|beffffff7f
movabs r64, imm64|3 1 305419896|movabs rbx, 1311768464867721217|48bb0100000078563412
movabs r64, imm64|13 -2147483648 -1|movabs r13, -2147483648|49bd00000080ffffffff
movabs r64, imm64|11 -1 0|movabs r11, 4294967295|49bbffffffff00000000
movabs r64, imm64|8 -2147483648 -2147483648|movabs r8, -9223372034707292160|49b80000008000000080
mov m8, imm8|0 127 0|mov byte ptr [rax + 127], 0|c6407f00
mov m8, imm8|517 -1 128|mov byte ptr [rbp + rsi - 1], -128|c64435ff80
mov m8, imm8|2114 2147483647 0|mov byte ptr [rdx + 4*r12 + 2147483647], 0|42c684a2ffffff7f00
mov m8, imm8|4 -1 255|mov byte ptr [rsp - 1], -1|c64424ffff
mov m16, imm16|0 127 0|mov word ptr [rax + 127], 0|66c7407f0000
mov m16, imm16|612 128 32767|mov word ptr [rsp + 8*rsi + 128], 32767|66c784f480000000ff7f
mov m16, imm16|3951 -1 1|mov word ptr [r15 + 8*r11 - 1], 1|6643c744dfff0100
mov m16, imm16|4 -1 65535|mov word ptr [rsp - 1], 65535|66c74424ffffff
mov m32, imm32|0 127 -2147483648|mov dword ptr [rax + 127], 2147483648|c7407f00000080
mov m32, imm32|516 1 -2147483648|mov dword ptr [rsp + rsi + 1], 2147483648|c744340100000080
mov m32, imm32|2048 127 0|mov dword ptr [rax + r12 + 127], 0|42c744207f00000000
mov m32, imm32|4 -1 2147483647|mov dword ptr [rsp - 1], 2147483647|c74424ffffffff7f
mov r64, simm32|3 -2147483648|mov rbx, -2147483648|48c7c300000080
mov r64, simm32|8 0|mov r8, 0|49c7c000000000
mov r64, simm32|15 1|mov r15, 1|49c7c701000000
mov r64, simm32|6 2147483647|mov rsi, 2147483647|48c7c6ffffff7f
mov m64, simm32|0 127 -2147483648|mov qword ptr [rax + 127], -2147483648|48c7407f00000080
mov m64, simm32|582 -128 100|mov qword ptr [rsi + 4*rsi - 128], 100|48c744b68064000000
mov m64, simm32|2051 -129 0|mov qword ptr [rbx + r12 - 129], 0|4ac784237fffffff00000000
mov m64, simm32|4 -1 2147483647|mov qword ptr [rsp - 1], 2147483647|48c74424ffffffff7f
movzx r32, r8|3 6|movzx ebx, sil|400fb6de
movzx r32, r8|12 10|movzx r12d, r10b|450fb6e2
movzx r32, r8|13 6|movzx r13d, sil|440fb6ee
movzx r32, r8|12 15|movzx r12d, r15b|450fb6e7
movzx r32, m8|3 0 -129|movzx ebx, byte ptr [rax - 129]|0fb6987fffffff
movzx r32, m8|12 1903 127|movzx r12d, byte ptr [r15 + 8*rbx + 127]|450fb664df7f
movzx r32, m8|3 3840 -1|movzx ebx, byte ptr [rax + r11 - 1]|420fb65c18ff
movzx r32, m8|10 17 -2147483648|movzx r10d, byte ptr [-2147483648]|440fb6142500000080
movzx r32, r16|3 6|movzx ebx, si|0fb7de
movzx r32, r16|12 10|movzx r12d, r10w|450fb7e2
movzx r32, r16|13 6|movzx r13d, si|440fb7ee
movzx r32, r16|12 15|movzx r12d, r15w|450fb7e7
movzx r32, m16|3 0 -129|movzx ebx, word ptr [rax - 129]|0fb7987fffffff
movzx r32, m16|9 1866 -129|movzx r9d, word ptr [r10 + 4*rbx - 129]|450fb78c9a7fffffff
movzx r32, m16|13 3661 2147483647|movzx r13d, word ptr [r13 + 4*r10 + 2147483647]|470fb7ac95ffffff7f
movzx r32, m16|1 16 2147483647|movzx ecx, word ptr [rip + 2147483647]|0fb70dffffff7f
movsx r32, r8|3 6|movsx ebx, sil|400fbede
movsx r32, r8|12 10|movsx r12d, r10b|450fbee2
movsx r32, r8|13 6|movsx r13d, sil|440fbeee
movsx r32, r8|12 15|movsx r12d, r15b|450fbee7
movsx r32, m8|3 0 -129|movsx ebx, byte ptr [rax - 129]|0fbe987fffffff
movsx r32, m8|3 1796 2147483647|movsx ebx, byte ptr [rsp + rbx + 2147483647]|0fbe9c1cffffff7f
movsx r32, m8|4 3689 128|movsx esp, byte ptr [r9 + 8*r10 + 128]|430fbea4d180000000
movsx r32, m8|5 16 127|movsx ebp, byte ptr [rip + 127]|0fbe2d7f000000
movsx r32, r16|3 6|movsx ebx, si|0fbfde
movsx r32, r16|12 10|movsx r12d, r10w|450fbfe2
movsx r32, r16|13 6|movsx r13d, si|440fbfee
movsx r32, r16|12 15|movsx r12d, r15w|450fbfe7
movsx r32, m16|3 0 -129|movsx ebx, word ptr [rax - 129]|0fbf987fffffff
movsx r32, m16|3 1804 -129|movsx ebx, word ptr [r12 + rbx - 129]|410fbf9c1c7fffffff
movsx r32, m16|11 3598 -129|movsx r11d, word ptr [r14 + r10 - 129]|470fbf9c167fffffff
movsx r32, m16|3 16 -2147483648|movsx ebx, word ptr [rip - 2147483648]|0fbf1d00000080
movsx r64, r8|3 6|movsx rbx, sil|480fbede
movsx r64, r8|12 10|movsx r12, r10b|4d0fbee2
movsx r64, r8|13 6|movsx r13, sil|4c0fbeee
movsx r64, r8|12 15|movsx r12, r15b|4d0fbee7
movsx r64, m8|3 0 -129|movsx rbx, byte ptr [rax - 129]|480fbe987fffffff
movsx r64, m8|1 1864 128|movsx rcx, byte ptr [r8 + 4*rbx + 128]|490fbe8c9880000000
movsx r64, m8|1 3660 -129|movsx rcx, byte ptr [r12 + 4*r10 - 129]|4b0fbe8c947fffffff
movsx r64, m8|1 16 2147483647|movsx rcx, byte ptr [rip + 2147483647]|480fbe0dffffff7f
movsx r64, r16|3 6|movsx rbx, si|480fbfde
movsx r64, r16|12 10|movsx r12, r10w|4d0fbfe2
movsx r64, r16|13 6|movsx r13, si|4c0fbfee
movsx r64, r16|12 15|movsx r12, r15w|4d0fbfe7
movsx r64, m16|3 0 -129|movsx rbx, word ptr [rax - 129]|480fbf987fffffff
movsx r64, m16|12 1903 127|movsx r12, word ptr [r15 + 8*rbx + 127]|4d0fbf64df7f
movsx r64, m16|3 3840 -1|movsx rbx, word ptr [rax + r11 - 1]|4a0fbf5c18ff
movsx r64, m16|10 17 -2147483648|movsx r10, word ptr [-2147483648]|4c0fbf142500000080
movsxd r64, r32|3 6|movsxd rbx, esi|4863de
movsxd r64, r32|12 10|movsxd r12, r10d|4d63e2
movsxd r64, r32|13 6|movsxd r13, esi|4c63ee
movsxd r64, r32|12 15|movsxd r12, r15d|4d63e7
movsxd r64, m32|3 0 -129|movsxd rbx, dword ptr [rax - 129]|4863987fffffff
movsxd r64, m32|9 1866 -129|movsxd r9, dword ptr [r10 + 4*rbx - 129]|4d638c9a7fffffff
movsxd r64, m32|13 3661 2147483647|movsxd r13, dword ptr [r13 + 4*r10 + 2147483647]|4f63ac95ffffff7f
movsxd r64, m32|1 16 2147483647|movsxd rcx, dword ptr [rip + 2147483647]|48630dffffff7f
lea r32, m|3 0 -129|lea ebx, [rax - 129]|8d987fffffff
lea r32, m|1 1864 128|lea ecx, [r8 + 4*rbx + 128]|418d8c9880000000
lea r32, m|1 3660 -129|lea ecx, [r12 + 4*r10 - 129]|438d8c947fffffff
lea r32, m|1 16 2147483647|lea ecx, [rip + 2147483647]|8d0dffffff7f
lea r64, m|3 0 -129|lea rbx, [rax - 129]|488d987fffffff
lea r64, m|3 1796 2147483647|lea rbx, [rsp + rbx + 2147483647]|488d9c1cffffff7f
lea r64, m|4 3689 128|lea rsp, [r9 + 8*r10 + 128]|4b8da4d180000000
lea r64, m|5 16 127|lea rbp, [rip + 127]|488d2d7f000000
cmovCC r32, r32|0 3 6|cmovo ebx, esi|0f40de
cmovCC r32, r32|5 3 11|cmovne ebx, r11d|410f45db
cmovCC r32, r32|7 10 1|cmova r10d, ecx|440f47d1
cmovCC r32, r32|9 12 15|cmovns r12d, r15d|450f49e7
cmovCC r32, m32|0 3 0 -129|cmovo ebx, dword ptr [rax - 129]|0f40987fffffff
cmovCC r32, m32|8 11 1546 127|cmovs r11d, dword ptr [r10 + rdx + 127]|450f485c127f
cmovCC r32, m32|8 11 3590 2147483647|cmovs r11d, dword ptr [rsi + r10 + 2147483647]|460f489c16ffffff7f
cmovCC r32, m32|0 3 16 -2147483648|cmovo ebx, dword ptr [rip - 2147483648]|0f401d00000080
cmovCC r64, r64|0 3 6|cmovo rbx, rsi|480f40de
cmovCC r64, r64|5 3 11|cmovne rbx, r11|490f45db
cmovCC r64, r64|7 10 1|cmova r10, rcx|4c0f47d1
cmovCC r64, r64|9 12 15|cmovns r12, r15|4d0f49e7
cmovCC r64, m64|0 3 0 -129|cmovo rbx, qword ptr [rax - 129]|480f40987fffffff
cmovCC r64, m64|8 11 1538 128|cmovs r11, qword ptr [rdx + rdx + 128]|4c0f489c1280000000
cmovCC r64, m64|6 9 3650 -128|cmovbe r9, qword ptr [rdx + 4*r10 - 128]|4e0f464c9280
cmovCC r64, m64|14 1 16 2147483647|cmovle rcx, qword ptr [rip + 2147483647]|480f4e0dffffff7f
setCC r8|0 3|seto bl|0f90c3
setCC r8|12 7|setl dil|400f9cc7
setCC r8|10 6|setp sil|400f9ac6
setCC r8|9 15|setns r15b|410f99c7
setCC m8|0 0 127|seto byte ptr [rax + 127]|0f90407f
setCC m8|9 1903 127|setns byte ptr [r15 + 8*rbx + 127]|410f9944df7f
setCC m8|0 3840 -1|seto byte ptr [rax + r11 - 1]|420f904418ff
setCC m8|7 17 -2147483648|seta byte ptr [-2147483648]|0f97042500000080
push r64|3|push rbx|53
push r64|5|push rbp|55
push r64|10|push r10|4152
push r64|15|push r15|4157
pop r64|3|pop rbx|5b
pop r64|5|pop rbp|5d
pop r64|10|pop r10|415a
pop r64|15|pop r15|415f
push simm8|1|push 1|6a01
push simm8|-1|push -1|6aff
push simm8|1|push 1|6a01
push simm8|127|push 127|6a7f
push simm32|1|push 1|6801000000
push simm32|-1|push -1|68ffffffff
push simm32|1|push 1|6801000000
push simm32|2147483647|push 2147483647|68ffffff7f
bswap r32|3|bswap ebx|0fcb
bswap r32|5|bswap ebp|0fcd
bswap r32|10|bswap r10d|410fca
bswap r32|15|bswap r15d|410fcf
bswap r64|3|bswap rbx|480fcb
bswap r64|5|bswap rbp|480fcd
bswap r64|10|bswap r10|490fca
bswap r64|15|bswap r15|490fcf
movbe r16, m16|3 0 -129|movbe bx, word ptr [rax - 129]|660f38f0987fffffff
movbe r16, m16|9 1866 -129|movbe r9w, word ptr [r10 + 4*rbx - 129]|66450f38f08c9a7fffffff
movbe r16, m16|13 3661 2147483647|movbe r13w, word ptr [r13 + 4*r10 + 2147483647]|66470f38f0ac95ffffff7f
movbe r16, m16|1 16 2147483647|movbe cx, word ptr [rip + 2147483647]|660f38f00dffffff7f
movbe r32, m32|3 0 -129|movbe ebx, dword ptr [rax - 129]|0f38f0987fffffff
movbe r32, m32|1 1864 128|movbe ecx, dword ptr [r8 + 4*rbx + 128]|410f38f08c9880000000
movbe r32, m32|1 3660 -129|movbe ecx, dword ptr [r12 + 4*r10 - 129]|430f38f08c947fffffff
movbe r32, m32|1 16 2147483647|movbe ecx, dword ptr [rip + 2147483647]|0f38f00dffffff7f
movbe r64, m64|3 0 -129|movbe rbx, qword ptr [rax - 129]|480f38f0987fffffff
movbe r64, m64|3 1796 2147483647|movbe rbx, qword ptr [rsp + rbx + 2147483647]|480f38f09c1cffffff7f
movbe r64, m64|4 3689 128|movbe rsp, qword ptr [r9 + 8*r10 + 128]|4b0f38f0a4d180000000
movbe r64, m64|5 16 127|movbe rbp, qword ptr [rip + 127]|480f38f02d7f000000
movbe m16, r16|0 127 6|movbe word ptr [rax + 127], si|660f38f1707f
movbe m16, r16|619 -1 15|movbe word ptr [r11 + 8*rsi - 1], r15w|66450f38f17cf3ff
movbe m16, r16|2060 -129 6|movbe word ptr [r12 + r12 - 129], si|66430f38f1b4247fffffff
movbe m16, r16|12 0 15|movbe word ptr [r12], r15w|66450f38f13c24
movbe m32, r32|0 127 6|movbe dword ptr [rax + 127], esi|0f38f1707f
movbe m32, r32|524 0 6|movbe dword ptr [r12 + rsi], esi|410f38f13434
movbe m32, r32|2062 -2147483648 14|movbe dword ptr [r14 + r12 - 2147483648], r14d|470f38f1b42600000080
movbe m32, r32|12 0 15|movbe dword ptr [r12], r15d|450f38f13c24
movbe m64, r64|0 127 6|movbe qword ptr [rax + 127], rsi|480f38f1707f
movbe m64, r64|590 128 12|movbe qword ptr [r14 + 4*rsi + 128], r12|4d0f38f1a4b680000000
movbe m64, r64|2369 2147483647 0|movbe qword ptr [rcx + 4*r13 + 2147483647], rax|4a0f38f184a9ffffff7f
movbe m64, r64|12 0 15|movbe qword ptr [r12], r15|4d0f38f13c24
ALU r8, r8|0 3 6|add bl, sil|4000f3
ALU r8, r8|0 8 14|add r8b, r14b|4500f0
ALU r8, r8|4 15 4|and r15b, spl|4120e7
ALU r8, r8|1 12 15|or r12b, r15b|4508fc
ALU m8, r8|0 0 127 6|add byte ptr [rax + 127], sil|4000707f
ALU m8, r8|4 517 -1 2|and byte ptr [rbp + rsi - 1], dl|205435ff
ALU m8, r8|7 2336 -128 13|cmp byte ptr [rax + 2*r13 - 128], r13b|46386c6880
ALU m8, r8|1 12 0 15|or byte ptr [r12], r15b|45083c24
ALU r16, r16|0 3 6|add bx, si|6601f3
ALU r16, r16|0 8 14|add r8w, r14w|664501f0
ALU r16, r16|4 15 4|and r15w, sp|664121e7
ALU r16, r16|1 12 15|or r12w, r15w|664509fc
ALU m16, r16|0 0 127 6|add word ptr [rax + 127], si|6601707f
ALU m16, r16|0 516 1 6|add word ptr [rsp + rsi + 1], si|6601743401
ALU m16, r16|0 2058 128 14|add word ptr [r10 + r12 + 128], r14w|664701b42280000000
ALU m16, r16|1 12 0 15|or word ptr [r12], r15w|6645093c24
ALU r32, r32|0 3 6|add ebx, esi|01f3
ALU r32, r32|0 8 14|add r8d, r14d|4501f0
ALU r32, r32|4 15 4|and r15d, esp|4121e7
ALU r32, r32|1 12 15|or r12d, r15d|4509fc
ALU m32, r32|0 0 127 6|add dword ptr [rax + 127], esi|01707f
ALU m32, r32|0 516 1 6|add dword ptr [rsp + rsi + 1], esi|01743401
ALU m32, r32|2 2127 -1 8|adc dword ptr [r15 + 4*r12 - 1], r8d|471144a7ff
ALU m32, r32|1 12 0 15|or dword ptr [r12], r15d|45093c24
ALU r64, r64|0 3 6|add rbx, rsi|4801f3
ALU r64, r64|0 8 14|add r8, r14|4d01f0
ALU r64, r64|4 15 4|and r15, rsp|4921e7
ALU r64, r64|1 12 15|or r12, r15|4d09fc
ALU m64, r64|0 0 127 6|add qword ptr [rax + 127], rsi|4801707f
ALU m64, r64|4 515 0 10|and qword ptr [rbx + rsi], r10|4c211433
ALU m64, r64|6 2120 128 4|xor qword ptr [r8 + 4*r12 + 128], rsp|4b31a4a080000000
ALU m64, r64|1 12 0 15|or qword ptr [r12], r15|4d093c24
ALU r8, m8|0 3 0 -129|add bl, byte ptr [rax - 129]|02987fffffff
ALU r8, m8|0 3 1796 2147483647|add bl, byte ptr [rsp + rbx + 2147483647]|029c1cffffff7f
ALU r8, m8|0 11 3594 -1|add r11b, byte ptr [r10 + r10 - 1]|47025c12ff
ALU r8, m8|0 3 16 -2147483648|add bl, byte ptr [rip - 2147483648]|021d00000080
ALU r16, m16|0 3 0 -129|add bx, word ptr [rax - 129]|6603987fffffff
ALU r16, m16|2 13 1857 -129|adc r13w, word ptr [rcx + 4*rbx - 129]|664413ac997fffffff
ALU r16, m16|4 15 3593 1|and r15w, word ptr [r9 + r10 + 1]|6647237c1101
ALU r16, m16|6 1 16 2147483647|xor cx, word ptr [rip + 2147483647]|66330dffffff7f
ALU r32, m32|0 3 0 -129|add ebx, dword ptr [rax - 129]|03987fffffff
ALU r32, m32|0 3 1548 -128|add ebx, dword ptr [r12 + rdx - 128]|41035c1480
ALU r32, m32|2 5 3655 1|adc ebp, dword ptr [rdi + 4*r10 + 1]|42136c9701
ALU r32, m32|6 1 16 2147483647|xor ecx, dword ptr [rip + 2147483647]|330dffffff7f
ALU r64, m64|0 3 0 -129|add rbx, qword ptr [rax - 129]|4803987fffffff
ALU r64, m64|4 15 1545 -1|and r15, qword ptr [r9 + rdx - 1]|4d237c11ff
ALU r64, m64|7 10 3620 -129|cmp r10, qword ptr [rsp + 2*r10 - 129]|4e3b94547fffffff
ALU r64, m64|2 5 16 127|adc rbp, qword ptr [rip + 127]|48132d7f000000
ALU al, imm8|0 0|add al, 0|0400
ALU al, imm8|6 0|xor al, 0|3400
ALU al, imm8|7 1|cmp al, 1|3c01
ALU al, imm8|3 255|sbb al, -1|1cff
ALU eax, imm32|0 -2147483648|add eax, 2147483648|0500000080
ALU eax, imm32|6 -2147483648|xor eax, 2147483648|3500000080
ALU eax, imm32|7 -1|cmp eax, 4294967295|3dffffffff
ALU eax, imm32|3 2147483647|sbb eax, 2147483647|1dffffff7f
ALU rax, simm32|0 -2147483648|add rax, -2147483648|480500000080
ALU rax, simm32|6 -2147483648|xor rax, -2147483648|483500000080
ALU rax, simm32|7 -1|cmp rax, -1|483dffffffff
ALU rax, simm32|3 2147483647|sbb rax, 2147483647|481dffffff7f
ALU r8, imm8|0 3 0|add bl, 0|80c300
ALU r8, imm8|4 4 128|and spl, -128|4080e480
ALU r8, imm8|3 13 1|sbb r13b, 1|4180dd01
ALU r8, imm8|3 6 255|sbb sil, -1|4080deff
ALU m8, imm8|0 0 127 0|add byte ptr [rax + 127], 0|80407f00
ALU m8, imm8|0 266 -129 100|add byte ptr [r10 + rbp - 129], 100|4180842a7fffffff64
ALU m8, imm8|4 3853 -129 100|and byte ptr [r13 + r11 - 129], 100|4380a41d7fffffff64
ALU m8, imm8|3 4 -1 255|sbb byte ptr [rsp - 1], -1|805c24ffff
ALU r16, imm16|0 3 0|add bx, 0|6681c30000
ALU r16, imm16|4 4 32768|and sp, 32768|6681e40080
ALU r16, imm16|3 13 1|sbb r13w, 1|664181dd0100
ALU r16, imm16|3 6 65535|sbb si, 65535|6681deffff
ALU m16, imm16|0 0 127 0|add word ptr [rax + 127], 0|6681407f0000
ALU m16, imm16|0 268 -2147483648 32768|add word ptr [r12 + rbp - 2147483648], 32768|664181842c000000800080
ALU m16, imm16|0 3852 -128 32768|add word ptr [r12 + r11 - 128], 32768|664381441c800080
ALU m16, imm16|3 4 -1 65535|sbb word ptr [rsp - 1], 65535|66815c24ffffff
ALU r32, imm32|0 3 -2147483648|add ebx, 2147483648|81c300000080
ALU r32, imm32|4 4 100|and esp, 100|81e464000000
ALU r32, imm32|3 13 -1|sbb r13d, 4294967295|4181ddffffffff
ALU r32, imm32|3 6 2147483647|sbb esi, 2147483647|81deffffff7f
ALU m32, imm32|0 0 127 -2147483648|add dword ptr [rax + 127], 2147483648|81407f00000080
ALU m32, imm32|0 266 -129 0|add dword ptr [r10 + rbp - 129], 0|4181842a7fffffff00000000
ALU m32, imm32|0 3854 2147483647 -2147483648|add dword ptr [r14 + r11 + 2147483647], 2147483648|4381841effffff7f00000080
ALU m32, imm32|3 4 -1 2147483647|sbb dword ptr [rsp - 1], 2147483647|815c24ffffffff7f
ALU r64, simm32|0 3 -2147483648|add rbx, -2147483648|4881c300000080
ALU r64, simm32|4 4 100|and rsp, 100|4881e464000000
ALU r64, simm32|3 13 -1|sbb r13, -1|4981ddffffffff
ALU r64, simm32|3 6 2147483647|sbb rsi, 2147483647|4881deffffff7f
ALU m64, simm32|0 0 127 -2147483648|add qword ptr [rax + 127], -2147483648|4881407f00000080
ALU m64, simm32|0 268 -2147483648 100|add qword ptr [r12 + rbp - 2147483648], 100|4981842c0000008064000000
ALU m64, simm32|7 3884 -129 2147483647|cmp qword ptr [r12 + 2*r11 - 129], 2147483647|4b81bc5c7fffffffffffff7f
ALU m64, simm32|3 4 -1 2147483647|sbb qword ptr [rsp - 1], 2147483647|48815c24ffffffff7f
ALU r16, simm8|0 3 -128|add bx, -128|6683c380
ALU r16, simm8|4 4 100|and sp, 100|6683e464
ALU r16, simm8|3 13 -1|sbb r13w, -1|664183ddff
ALU r16, simm8|3 6 127|sbb si, 127|6683de7f
ALU m16, simm8|0 0 127 -128|add word ptr [rax + 127], -128|6683407f80
ALU m16, simm8|6 332 1 -128|xor word ptr [r12 + 4*rbp + 1], -128|66418374ac0180
ALU m16, simm8|3 3885 2147483647 1|sbb word ptr [r13 + 2*r11 + 2147483647], 1|6643839c5dffffff7f01
ALU m16, simm8|3 4 -1 127|sbb word ptr [rsp - 1], 127|66835c24ff7f
ALU r32, simm8|0 3 -128|add ebx, -128|83c380
ALU r32, simm8|4 4 100|and esp, 100|83e464
ALU r32, simm8|3 13 -1|sbb r13d, -1|4183ddff
ALU r32, simm8|3 6 127|sbb esi, 127|83de7f
ALU m32, simm8|0 0 127 -128|add dword ptr [rax + 127], -128|83407f80
ALU m32, simm8|0 266 -129 0|add dword ptr [r10 + rbp - 129], 0|4183842a7fffffff00
ALU m32, simm8|4 3853 -129 0|and dword ptr [r13 + r11 - 129], 0|4383a41d7fffffff00
ALU m32, simm8|3 4 -1 127|sbb dword ptr [rsp - 1], 127|835c24ff7f
ALU r64, simm8|0 3 -128|add rbx, -128|4883c380
ALU r64, simm8|4 4 100|and rsp, 100|4883e464
ALU r64, simm8|3 13 -1|sbb r13, -1|4983ddff
ALU r64, simm8|3 6 127|sbb rsi, 127|4883de7f
ALU m64, simm8|0 0 127 -128|add qword ptr [rax + 127], -128|4883407f80
ALU m64, simm8|0 268 -2147483648 100|add qword ptr [r12 + rbp - 2147483648], 100|4983842c0000008064
ALU m64, simm8|0 3852 -128 100|add qword ptr [r12 + r11 - 128], 100|4b83441c8064
ALU m64, simm8|3 4 -1 127|sbb qword ptr [rsp - 1], 127|48835c24ff7f
test r8, r8|3 6|test bl, sil|4084f3
test r8, r8|12 10|test r12b, r10b|4584d4
test r8, r8|13 6|test r13b, sil|4184f5
test r8, r8|12 15|test r12b, r15b|4584fc
test m8, r8|0 127 6|test byte ptr [rax + 127], sil|4084707f
test m8, r8|832 0 4|test byte ptr [rax + 4*rdi], spl|408424b8
test m8, r8|2372 1 4|test byte ptr [rsp + 4*r13 + 1], spl|428464ac01
test m8, r8|12 0 15|test byte ptr [r12], r15b|45843c24
test r16, r16|3 6|test bx, si|6685f3
test r16, r16|12 10|test r12w, r10w|664585d4
test r16, r16|13 6|test r13w, si|664185f5
test r16, r16|12 15|test r12w, r15w|664585fc
test m16, r16|0 127 6|test word ptr [rax + 127], si|6685707f
test m16, r16|619 -1 15|test word ptr [r11 + 8*rsi - 1], r15w|6645857cf3ff
test m16, r16|2060 -129 6|test word ptr [r12 + r12 - 129], si|664385b4247fffffff
test m16, r16|12 0 15|test word ptr [r12], r15w|6645853c24
test r32, r32|3 6|test ebx, esi|85f3
test r32, r32|12 10|test r12d, r10d|4585d4
test r32, r32|13 6|test r13d, esi|4185f5
test r32, r32|12 15|test r12d, r15d|4585fc
test m32, r32|0 127 6|test dword ptr [rax + 127], esi|85707f
test m32, r32|590 128 12|test dword ptr [r14 + 4*rsi + 128], r12d|4585a4b680000000
test m32, r32|2369 2147483647 0|test dword ptr [rcx + 4*r13 + 2147483647], eax|428584a9ffffff7f
test m32, r32|12 0 15|test dword ptr [r12], r15d|45853c24
test r64, r64|3 6|test rbx, rsi|4885f3
test r64, r64|12 10|test r12, r10|4d85d4
test r64, r64|13 6|test r13, rsi|4985f5
test r64, r64|12 15|test r12, r15|4d85fc
test m64, r64|0 127 6|test qword ptr [rax + 127], rsi|4885707f
test m64, r64|768 2147483647 6|test qword ptr [rax + rdi + 2147483647], rsi|4885b438ffffff7f
test m64, r64|2405 127 7|test qword ptr [rbp + 8*r13 + 127], rdi|4a857ced7f
test m64, r64|12 0 15|test qword ptr [r12], r15|4d853c24
test al, imm8|0|test al, 0|a800
test al, imm8|1|test al, 1|a801
test al, imm8|127|test al, 127|a87f
test al, imm8|255|test al, -1|a8ff
test eax, imm32|-2147483648|test eax, 2147483648|a900000080
test eax, imm32|-1|test eax, 4294967295|a9ffffffff
test eax, imm32|1|test eax, 1|a901000000
test eax, imm32|2147483647|test eax, 2147483647|a9ffffff7f
test rax, simm32|-2147483648|test rax, -2147483648|48a900000080
test rax, simm32|-1|test rax, -1|48a9ffffffff
test rax, simm32|1|test rax, 1|48a901000000
test rax, simm32|2147483647|test rax, 2147483647|48a9ffffff7f
test r8, imm8|3 0|test bl, 0|f6c300
test r8, imm8|8 100|test r8b, 100|41f6c064
test r8, imm8|15 127|test r15b, 127|41f6c77f
test r8, imm8|6 255|test sil, -1|40f6c6ff
test m8, imm8|0 127 0|test byte ptr [rax + 127], 0|f6407f00
test m8, imm8|517 -1 128|test byte ptr [rbp + rsi - 1], -128|f64435ff80
test m8, imm8|2114 2147483647 0|test byte ptr [rdx + 4*r12 + 2147483647], 0|42f684a2ffffff7f00
test m8, imm8|4 -1 255|test byte ptr [rsp - 1], -1|f64424ffff
test r16, imm16|3 0|test bx, 0|66f7c30000
test r16, imm16|8 100|test r8w, 100|6641f7c06400
test r16, imm16|15 32767|test r15w, 32767|6641f7c7ff7f
test r16, imm16|6 65535|test si, 65535|66f7c6ffff
test m16, imm16|0 127 0|test word ptr [rax + 127], 0|66f7407f0000
test m16, imm16|516 1 0|test word ptr [rsp + rsi + 1], 0|66f74434010000
test m16, imm16|2048 127 100|test word ptr [rax + r12 + 127], 100|6642f744207f6400
test m16, imm16|4 -1 65535|test word ptr [rsp - 1], 65535|66f74424ffffff
test r32, imm32|3 -2147483648|test ebx, 2147483648|f7c300000080
test r32, imm32|8 0|test r8d, 0|41f7c000000000
test r32, imm32|15 1|test r15d, 1|41f7c701000000
test r32, imm32|6 2147483647|test esi, 2147483647|f7c6ffffff7f
test m32, imm32|0 127 -2147483648|test dword ptr [rax + 127], 2147483648|f7407f00000080
test m32, imm32|582 -128 100|test dword ptr [rsi + 4*rsi - 128], 100|f744b68064000000
test m32, imm32|2051 -129 0|test dword ptr [rbx + r12 - 129], 0|42f784237fffffff00000000
test m32, imm32|4 -1 2147483647|test dword ptr [rsp - 1], 2147483647|f74424ffffffff7f
test r64, simm32|3 -2147483648|test rbx, -2147483648|48f7c300000080
test r64, simm32|8 0|test r8, 0|49f7c000000000
test r64, simm32|15 1|test r15, 1|49f7c701000000
test r64, simm32|6 2147483647|test rsi, 2147483647|48f7c6ffffff7f
test m64, simm32|0 127 -2147483648|test qword ptr [rax + 127], -2147483648|48f7407f00000080
test m64, simm32|612 128 1|test qword ptr [rsp + 8*rsi + 128], 1|48f784f48000000001000000
test m64, simm32|3951 -1 -1|test qword ptr [r15 + 8*r11 - 1], -1|4bf744dfffffffffff
test m64, simm32|4 -1 2147483647|test qword ptr [rsp - 1], 2147483647|48f74424ffffffff7f
imul r32, r32|3 6|imul ebx, esi|0fafde
imul r32, r32|12 10|imul r12d, r10d|450fafe2
imul r32, r32|13 6|imul r13d, esi|440fafee
imul r32, r32|12 15|imul r12d, r15d|450fafe7
imul r32, m32|3 0 -129|imul ebx, dword ptr [rax - 129]|0faf987fffffff
imul r32, m32|9 1866 -129|imul r9d, dword ptr [r10 + 4*rbx - 129]|450faf8c9a7fffffff
imul r32, m32|13 3661 2147483647|imul r13d, dword ptr [r13 + 4*r10 + 2147483647]|470fafac95ffffff7f
imul r32, m32|1 16 2147483647|imul ecx, dword ptr [rip + 2147483647]|0faf0dffffff7f
imul r64, r64|3 6|imul rbx, rsi|480fafde
imul r64, r64|12 10|imul r12, r10|4d0fafe2
imul r64, r64|13 6|imul r13, rsi|4c0fafee
imul r64, r64|12 15|imul r12, r15|4d0fafe7
imul r64, m64|3 0 -129|imul rbx, qword ptr [rax - 129]|480faf987fffffff
imul r64, m64|3 1796 2147483647|imul rbx, qword ptr [rsp + rbx + 2147483647]|480faf9c1cffffff7f
imul r64, m64|4 3689 128|imul rsp, qword ptr [r9 + 8*r10 + 128]|4b0fafa4d180000000
imul r64, m64|5 16 127|imul rbp, qword ptr [rip + 127]|480faf2d7f000000
imul r32, r32, simm8|3 6 1|imul ebx, esi, 1|6bde01
imul r32, r32, simm8|14 8 127|imul r14d, r8d, 127|456bf07f
imul r32, r32, simm8|9 10 -1|imul r9d, r10d, -1|456bcaff
imul r32, r32, simm8|6 9 127|imul esi, r9d, 127|416bf17f
imul r32, m32, simm8|3 0 -129 1|imul ebx, dword ptr [rax - 129], 1|6b987fffffff01
imul r32, m32, simm8|11 258 2147483647 1|imul r11d, dword ptr [rdx + rbp + 2147483647], 1|446b9c2affffff7f01
imul r32, m32, simm8|11 3846 -2147483648 -1|imul r11d, dword ptr [rsi + r11 - 2147483648], -1|466b9c1e00000080ff
imul r32, m32, simm8|6 4 -128 127|imul esi, dword ptr [rsp - 128], 127|6b7424807f
imul r64, r64, simm8|3 6 1|imul rbx, rsi, 1|486bde01
imul r64, r64, simm8|14 8 127|imul r14, r8, 127|4d6bf07f
imul r64, r64, simm8|9 10 -1|imul r9, r10, -1|4d6bcaff
imul r64, r64, simm8|6 9 127|imul rsi, r9, 127|496bf17f
imul r64, m64, simm8|3 0 -129 1|imul rbx, qword ptr [rax - 129], 1|486b987fffffff01
imul r64, m64, simm8|13 1869 0 1|imul r13, qword ptr [r13 + 4*rbx], 1|4d6b6c9d0001
imul r64, m64, simm8|9 3910 1 1|imul r9, qword ptr [rsi + 4*r11 + 1], 1|4e6b4c9e0101
imul r64, m64, simm8|6 4 -128 127|imul rsi, qword ptr [rsp - 128], 127|486b7424807f
imul r32, r32, imm32|3 6 1|imul ebx, esi, 1|69de01000000
imul r32, r32, imm32|14 8 2147483647|imul r14d, r8d, 2147483647|4569f0ffffff7f
imul r32, r32, imm32|9 10 -1|imul r9d, r10d, 4294967295|4569caffffffff
imul r32, r32, imm32|6 9 2147483647|imul esi, r9d, 2147483647|4169f1ffffff7f
imul r32, m32, imm32|3 0 -129 1|imul ebx, dword ptr [rax - 129], 1|69987fffffff01000000
imul r32, m32, imm32|14 291 0 0|imul r14d, dword ptr [rbx + 2*rbp], 0|4469346b00000000
imul r32, m32, imm32|7 3847 0 2147483647|imul edi, dword ptr [rdi + r11], 2147483647|42693c1fffffff7f
imul r32, m32, imm32|6 4 -128 2147483647|imul esi, dword ptr [rsp - 128], 2147483647|69742480ffffff7f
imul r64, r64, simm32|3 6 1|imul rbx, rsi, 1|4869de01000000
imul r64, r64, simm32|14 8 2147483647|imul r14, r8, 2147483647|4d69f0ffffff7f
imul r64, r64, simm32|9 10 -1|imul r9, r10, -1|4d69caffffffff
imul r64, r64, simm32|6 9 2147483647|imul rsi, r9, 2147483647|4969f1ffffff7f
imul r64, m64, simm32|3 0 -129 1|imul rbx, qword ptr [rax - 129], 1|4869987fffffff01000000
imul r64, m64, simm32|7 1807 0 1|imul rdi, qword ptr [r15 + rbx], 1|49693c1f01000000
imul r64, m64, simm32|9 3910 1 1|imul r9, qword ptr [rsi + 4*r11 + 1], 1|4e694c9e0101000000
imul r64, m64, simm32|6 4 -128 2147483647|imul rsi, qword ptr [rsp - 128], 2147483647|4869742480ffffff7f
UNARY r32|2 3|not ebx|f7d3
UNARY r32|4 2|mul edx|f7e2
UNARY r32|5 9|imul r9d|41f7e9
UNARY r32|5 15|imul r15d|41f7ef
UNARY m32|2 0 127|not dword ptr [rax + 127]|f7507f
UNARY m32|5 295 128|imul dword ptr [rdi + 2*rbp + 128]|f7ac6f80000000
UNARY m32|7 3940 0|idiv dword ptr [rsp + 8*r11]|42f73cdc
UNARY m32|4 16 127|mul dword ptr [rip + 127]|f7257f000000
UNARY r64|2 3|not rbx|48f7d3
UNARY r64|4 2|mul rdx|48f7e2
UNARY r64|5 9|imul r9|49f7e9
UNARY r64|5 15|imul r15|49f7ef
UNARY m64|2 0 127|not qword ptr [rax + 127]|48f7507f
UNARY m64|4 266 -129|mul qword ptr [r10 + rbp - 129]|49f7a42a7fffffff
UNARY m64|6 3846 -2147483648|div qword ptr [rsi + r11 - 2147483648]|4af7b41e00000080
UNARY m64|6 16 -2147483648|div qword ptr [rip - 2147483648]|48f73500000080
cdq||cdq|99
cqo||cqo|4899
BIT r32, r32|4 3 6|bt ebx, esi|0fa3f3
BIT r32, r32|6 10 12|btr r10d, r12d|450fb3e2
BIT r32, r32|7 6 5|btc esi, ebp|0fbbee
BIT r32, r32|5 12 15|bts r12d, r15d|450fabfc
BIT m32, r32|4 0 127 6|bt dword ptr [rax + 127], esi|0fa3707f
BIT m32, r32|7 552 -129 13|btc dword ptr [r8 + 2*rsi - 129], r13d|450fbbac707fffffff
BIT m32, r32|7 2090 -128 5|btc dword ptr [r10 + 2*r12 - 128], ebp|430fbb6c6280
BIT m32, r32|5 12 0 15|bts dword ptr [r12], r15d|450fab3c24
BIT r64, r64|4 3 6|bt rbx, rsi|480fa3f3
BIT r64, r64|6 10 12|btr r10, r12|4d0fb3e2
BIT r64, r64|7 6 5|btc rsi, rbp|480fbbee
BIT r64, r64|5 12 15|bts r12, r15|4d0fabfc
BIT m64, r64|4 0 127 6|bt qword ptr [rax + 127], rsi|480fa3707f
BIT m64, r64|4 522 2147483647 14|bt qword ptr [r10 + rsi + 2147483647], r14|4d0fa3b432ffffff7f
BIT m64, r64|7 2095 1 1|btc qword ptr [r15 + 2*r12 + 1], rcx|4b0fbb4c6701
BIT m64, r64|5 12 0 15|bts qword ptr [r12], r15|4d0fab3c24
BIT r32, uimm8|4 3 0|bt ebx, 0|0fbae300
BIT r32, uimm8|6 6 0|btr esi, 0|0fbaf600
BIT r32, uimm8|6 14 31|btr r14d, 31|410fbaf61f
BIT r32, uimm8|7 6 255|btc esi, 255|0fbafeff
BIT m32, uimm8|4 0 127 0|bt dword ptr [rax + 127], 0|0fba607f00
BIT m32, uimm8|6 335 128 0|btr dword ptr [r15 + 4*rbp + 128], 0|410fbab4af8000000000
BIT m32, uimm8|5 3951 -1 1|bts dword ptr [r15 + 8*r11 - 1], 1|430fba6cdfff01
BIT m32, uimm8|7 4 -1 255|btc dword ptr [rsp - 1], 255|0fba7c24ffff
BIT r64, uimm8|4 3 0|bt rbx, 0|480fbae300
BIT r64, uimm8|6 6 0|btr rsi, 0|480fbaf600
BIT r64, uimm8|6 14 31|btr r14, 31|490fbaf61f
BIT r64, uimm8|7 6 255|btc rsi, 255|480fbafeff
BIT m64, uimm8|4 0 127 0|bt qword ptr [rax + 127], 0|480fba607f00
BIT m64, uimm8|4 512 -129 31|bt qword ptr [rax + rsi - 129], 31|480fbaa4307fffffff1f
BIT m64, uimm8|4 3854 2147483647 0|bt qword ptr [r14 + r11 + 2147483647], 0|4b0fbaa41effffff7f00
BIT m64, uimm8|7 4 -1 255|btc qword ptr [rsp - 1], 255|480fba7c24ffff
SHIFT r16, uimm8|0 3 0|rol bx, 0|66c1c300
SHIFT r16, uimm8|0 5 255|rol bp, 255|66c1c5ff
SHIFT r16, uimm8|1 13 1|ror r13w, 1|6641c1cd01
SHIFT r16, uimm8|0 6 255|rol si, 255|66c1c6ff
SHIFT m16, uimm8|0 0 127 0|rol word ptr [rax + 127], 0|66c1407f00
SHIFT m16, uimm8|0 271 -1 128|rol word ptr [r15 + rbp - 1], 128|6641c1442fff80
SHIFT m16, uimm8|0 2112 -128 128|rol word ptr [rax + 4*r12 - 128], 128|6642c144a08080
SHIFT m16, uimm8|0 4 -1 255|rol word ptr [rsp - 1], 255|66c14424ffff
SHIFT r32, 1|0 3|rol ebx|d1c3
SHIFT r32, 1|1 3|ror ebx|d1cb
SHIFT r32, 1|0 10|rol r10d|41d1c2
SHIFT r32, 1|0 3|rol ebx|d1c3
SHIFT m32, 1|0 0 127|rol dword ptr [rax + 127]|d1407f
SHIFT m32, 1|1 268 -2147483648|ror dword ptr [r12 + rbp - 2147483648]|41d18c2c00000080
SHIFT m32, 1|7 3847 0|sar dword ptr [rdi + r11]|42d13c1f
SHIFT m32, 1|0 0 127|rol dword ptr [rax + 127]|d1407f
SHIFT r64, 1|0 3|rol rbx|48d1c3
SHIFT r64, 1|1 3|ror rbx|48d1cb
SHIFT r64, 1|0 10|rol r10|49d1c2
SHIFT r64, 1|0 3|rol rbx|48d1c3
SHIFT m64, 1|0 0 127|rol qword ptr [rax + 127]|48d1407f
SHIFT m64, 1|4 298 2147483647|shl qword ptr [r10 + 2*rbp + 2147483647]|49d1a46affffff7f
SHIFT m64, 1|0 3910 1|rol qword ptr [rsi + 4*r11 + 1]|4ad1449e01
SHIFT m64, 1|0 0 127|rol qword ptr [rax + 127]|48d1407f
SHIFT r32, uimm8|0 3 0|rol ebx, 0|c1c300
SHIFT r32, uimm8|0 5 255|rol ebp, 255|c1c5ff
SHIFT r32, uimm8|1 13 1|ror r13d, 1|41c1cd01
SHIFT r32, uimm8|0 6 255|rol esi, 255|c1c6ff
SHIFT m32, uimm8|0 0 127 0|rol dword ptr [rax + 127], 0|c1407f00
SHIFT m32, uimm8|7 335 128 0|sar dword ptr [r15 + 4*rbp + 128], 0|41c1bcaf8000000000
SHIFT m32, uimm8|7 3951 -1 1|sar dword ptr [r15 + 8*r11 - 1], 1|43c17cdfff01
SHIFT m32, uimm8|0 4 -1 255|rol dword ptr [rsp - 1], 255|c14424ffff
SHIFT r64, uimm8|0 3 0|rol rbx, 0|48c1c300
SHIFT r64, uimm8|0 5 255|rol rbp, 255|48c1c5ff
SHIFT r64, uimm8|1 13 1|ror r13, 1|49c1cd01
SHIFT r64, uimm8|0 6 255|rol rsi, 255|48c1c6ff
SHIFT m64, uimm8|0 0 127 0|rol qword ptr [rax + 127], 0|48c1407f00
SHIFT m64, uimm8|5 512 -129 31|shr qword ptr [rax + rsi - 129], 31|48c1ac307fffffff1f
SHIFT m64, uimm8|0 3854 2147483647 0|rol qword ptr [r14 + r11 + 2147483647], 0|4bc1841effffff7f00
SHIFT m64, uimm8|0 4 -1 255|rol qword ptr [rsp - 1], 255|48c14424ffff
SHIFT r32, cl|0 3|rol ebx, cl|d3c3
SHIFT r32, cl|1 3|ror ebx, cl|d3cb
SHIFT r32, cl|0 10|rol r10d, cl|41d3c2
SHIFT r32, cl|0 3|rol ebx, cl|d3c3
SHIFT m32, cl|0 0 127|rol dword ptr [rax + 127], cl|d3407f
SHIFT m32, cl|0 266 -129|rol dword ptr [r10 + rbp - 129], cl|41d3842a7fffffff
SHIFT m32, cl|0 3910 1|rol dword ptr [rsi + 4*r11 + 1], cl|42d3449e01
SHIFT m32, cl|0 0 127|rol dword ptr [rax + 127], cl|d3407f
SHIFT r64, cl|0 3|rol rbx, cl|48d3c3
SHIFT r64, cl|1 3|ror rbx, cl|48d3cb
SHIFT r64, cl|0 10|rol r10, cl|49d3c2
SHIFT r64, cl|0 3|rol rbx, cl|48d3c3
SHIFT m64, cl|0 0 127|rol qword ptr [rax + 127], cl|48d3407f
SHIFT m64, cl|1 268 -2147483648|ror qword ptr [r12 + rbp - 2147483648], cl|49d38c2c00000080
SHIFT m64, cl|7 3847 0|sar qword ptr [rdi + r11], cl|4ad33c1f
SHIFT m64, cl|0 0 127|rol qword ptr [rax + 127], cl|48d3407f
shlx r32, r32, r32b|3 6 9|shlx ebx, esi, r9d|c4e231f7de
shlx r32, r32, r32b|1 2 7|shlx ecx, edx, edi|c4e241f7ca
shlx r32, r32, r32b|10 13 1|shlx r10d, r13d, ecx|c44271f7d5
shlx r32, r32, r32b|12 15 15|shlx r12d, r15d, r15d|c44201f7e7
shlx r32, m32, r32b|3 0 -129 9|shlx ebx, dword ptr [rax - 129], r9d|c4e231f7987fffffff
shlx r32, m32, r32b|3 264 128 9|shlx ebx, dword ptr [r8 + rbp + 128], r9d|c4c231f79c2880000000
shlx r32, m32, r32b|2 2086 1 8|shlx edx, dword ptr [rsi + 2*r12 + 1], r8d|c4a239f7546601
shlx r32, m32, r32b|12 12 127 15|shlx r12d, dword ptr [r12 + 127], r15d|c44201f764247f
shlx r64, r64, r64b|3 6 9|shlx rbx, rsi, r9|c4e2b1f7de
shlx r64, r64, r64b|1 2 7|shlx rcx, rdx, rdi|c4e2c1f7ca
shlx r64, r64, r64b|10 13 1|shlx r10, r13, rcx|c442f1f7d5
shlx r64, r64, r64b|12 15 15|shlx r12, r15, r15|c44281f7e7
shlx r64, m64, r64b|3 0 -129 9|shlx rbx, qword ptr [rax - 129], r9|c4e2b1f7987fffffff
shlx r64, m64, r64b|14 295 128 4|shlx r14, qword ptr [rdi + 2*rbp + 128], rsp|c462d9f7b46f80000000
shlx r64, m64, r64b|0 2154 2147483647 6|shlx rax, qword ptr [r10 + 8*r12 + 2147483647], rsi|c482c9f784e2ffffff7f
shlx r64, m64, r64b|12 12 127 15|shlx r12, qword ptr [r12 + 127], r15|c44281f764247f
shrx r32, r32, r32b|3 6 9|shrx ebx, esi, r9d|c4e233f7de
shrx r32, r32, r32b|1 2 7|shrx ecx, edx, edi|c4e243f7ca
shrx r32, r32, r32b|10 13 1|shrx r10d, r13d, ecx|c44273f7d5
shrx r32, r32, r32b|12 15 15|shrx r12d, r15d, r15d|c44203f7e7
shrx r32, m32, r32b|3 0 -129 9|shrx ebx, dword ptr [rax - 129], r9d|c4e233f7987fffffff
shrx r32, m32, r32b|11 266 -129 1|shrx r11d, dword ptr [r10 + rbp - 129], ecx|c44273f79c2a7fffffff
shrx r32, m32, r32b|3 2052 2147483647 9|shrx ebx, dword ptr [rsp + r12 + 2147483647], r9d|c4a233f79c24ffffff7f
shrx r32, m32, r32b|12 12 127 15|shrx r12d, dword ptr [r12 + 127], r15d|c44203f764247f
shrx r64, r64, r64b|3 6 9|shrx rbx, rsi, r9|c4e2b3f7de
shrx r64, r64, r64b|1 2 7|shrx rcx, rdx, rdi|c4e2c3f7ca
shrx r64, r64, r64b|10 13 1|shrx r10, r13, rcx|c442f3f7d5
shrx r64, r64, r64b|12 15 15|shrx r12, r15, r15|c44283f7e7
shrx r64, m64, r64b|3 0 -129 9|shrx rbx, qword ptr [rax - 129], r9|c4e2b3f7987fffffff
shrx r64, m64, r64b|5 327 -128 11|shrx rbp, qword ptr [rdi + 4*rbp - 128], r11|c4e2a3f76caf80
shrx r64, m64, r64b|3 2056 -1 9|shrx rbx, qword ptr [r8 + r12 - 1], r9|c482b3f75c20ff
shrx r64, m64, r64b|12 12 127 15|shrx r12, qword ptr [r12 + 127], r15|c44283f764247f
sarx r32, r32, r32b|3 6 9|sarx ebx, esi, r9d|c4e232f7de
sarx r32, r32, r32b|1 2 7|sarx ecx, edx, edi|c4e242f7ca
sarx r32, r32, r32b|10 13 1|sarx r10d, r13d, ecx|c44272f7d5
sarx r32, r32, r32b|12 15 15|sarx r12d, r15d, r15d|c44202f7e7
sarx r32, m32, r32b|3 0 -129 9|sarx ebx, dword ptr [rax - 129], r9d|c4e232f7987fffffff
sarx r32, m32, r32b|2 298 2147483647 8|sarx edx, dword ptr [r10 + 2*rbp + 2147483647], r8d|c4c23af7946affffff7f
sarx r32, m32, r32b|14 2083 2147483647 4|sarx r14d, dword ptr [rbx + 2*r12 + 2147483647], esp|c4225af7b463ffffff7f
sarx r32, m32, r32b|12 12 127 15|sarx r12d, dword ptr [r12 + 127], r15d|c44202f764247f
sarx r64, r64, r64b|3 6 9|sarx rbx, rsi, r9|c4e2b2f7de
sarx r64, r64, r64b|1 2 7|sarx rcx, rdx, rdi|c4e2c2f7ca
sarx r64, r64, r64b|10 13 1|sarx r10, r13, rcx|c442f2f7d5
sarx r64, r64, r64b|12 15 15|sarx r12, r15, r15|c44282f7e7
sarx r64, m64, r64b|3 0 -129 9|sarx rbx, qword ptr [rax - 129], r9|c4e2b2f7987fffffff
sarx r64, m64, r64b|3 264 128 9|sarx rbx, qword ptr [r8 + rbp + 128], r9|c4c2b2f79c2880000000
sarx r64, m64, r64b|2 2086 1 8|sarx rdx, qword ptr [rsi + 2*r12 + 1], r8|c4a2baf7546601
sarx r64, m64, r64b|12 12 127 15|sarx r12, qword ptr [r12 + 127], r15|c44282f764247f
rorx r32, r32, uimm8|3 6 63|rorx ebx, esi, 63|c4e37bf0de3f
rorx r32, r32, uimm8|14 8 255|rorx r14d, r8d, 255|c4437bf0f0ff
rorx r32, r32, uimm8|9 10 1|rorx r9d, r10d, 1|c4437bf0ca01
rorx r32, r32, uimm8|6 9 255|rorx esi, r9d, 255|c4c37bf0f1ff
rorx r32, m32, uimm8|3 0 -129 63|rorx ebx, dword ptr [rax - 129], 63|c4e37bf0987fffffff3f
rorx r32, m32, uimm8|10 1836 2147483647 128|rorx r10d, dword ptr [r12 + 2*rbx + 2147483647], 128|c4437bf0945cffffff7f80
rorx r32, m32, uimm8|5 3911 -1 1|rorx ebp, dword ptr [rdi + 4*r11 - 1], 1|c4a37bf06c9fff01
rorx r32, m32, uimm8|6 4 -128 255|rorx esi, dword ptr [rsp - 128], 255|c4e37bf0742480ff
rorx r64, r64, uimm8|3 6 63|rorx rbx, rsi, 63|c4e3fbf0de3f
rorx r64, r64, uimm8|14 8 255|rorx r14, r8, 255|c443fbf0f0ff
rorx r64, r64, uimm8|9 10 1|rorx r9, r10, 1|c443fbf0ca01
rorx r64, r64, uimm8|6 9 255|rorx rsi, r9, 255|c4c3fbf0f1ff
rorx r64, m64, uimm8|3 0 -129 63|rorx rbx, qword ptr [rax - 129], 63|c4e3fbf0987fffffff3f
rorx r64, m64, uimm8|11 258 2147483647 63|rorx r11, qword ptr [rdx + rbp + 2147483647], 63|c463fbf09c2affffff7f3f
rorx r64, m64, uimm8|11 3846 -2147483648 1|rorx r11, qword ptr [rsi + r11 - 2147483648], 1|c423fbf09c1e0000008001
rorx r64, m64, uimm8|6 4 -128 255|rorx rsi, qword ptr [rsp - 128], 255|c4e3fbf0742480ff
andn r32, r32b, r32|3 6 9|andn ebx, esi, r9d|c4c248f2d9
andn r32, r32b, r32|1 2 7|andn ecx, edx, edi|c4e268f2cf
andn r32, r32b, r32|10 13 1|andn r10d, r13d, ecx|c46210f2d1
andn r32, r32b, r32|12 15 15|andn r12d, r15d, r15d|c44200f2e7
andn r32, r32b, m32|3 6 1 0|andn ebx, esi, dword ptr [rcx]|c4e248f219
andn r32, r32b, m32|5 8 1359 0|andn ebp, r8d, dword ptr [r15 + 4*rcx]|c4c238f22c8f
andn r32, r32b, m32|3 6 3584 1|andn ebx, esi, dword ptr [rax + r10 + 1]|c4a248f25c1001
andn r32, r32b, m32|1 4 16 2147483647|andn ecx, esp, dword ptr [rip + 2147483647]|c4e258f20dffffff7f
andn r64, r64b, r64|3 6 9|andn rbx, rsi, r9|c4c2c8f2d9
andn r64, r64b, r64|1 2 7|andn rcx, rdx, rdi|c4e2e8f2cf
andn r64, r64b, r64|10 13 1|andn r10, r13, rcx|c46290f2d1
andn r64, r64b, r64|12 15 15|andn r12, r15, r15|c44280f2e7
andn r64, r64b, m64|3 6 1 0|andn rbx, rsi, qword ptr [rcx]|c4e2c8f219
andn r64, r64b, m64|2 5 1582 -2147483648|andn rdx, rbp, qword ptr [r14 + 2*rdx - 2147483648]|c4c2d0f2945600000080
andn r64, r64b, m64|14 1 3623 0|andn r14, rcx, qword ptr [rdi + 2*r10]|c422f0f23457
andn r64, r64b, m64|10 13 17 -2147483648|andn r10, r13, qword ptr [-2147483648]|c46290f2142500000080
bextr r32, r32, r32b|3 6 9|bextr ebx, esi, r9d|c4e230f7de
bextr r32, r32, r32b|1 2 7|bextr ecx, edx, edi|c4e240f7ca
bextr r32, r32, r32b|10 13 1|bextr r10d, r13d, ecx|c44270f7d5
bextr r32, r32, r32b|12 15 15|bextr r12d, r15d, r15d|c44200f7e7
bextr r32, m32, r32b|3 0 -129 9|bextr ebx, dword ptr [rax - 129], r9d|c4e230f7987fffffff
bextr r32, m32, r32b|3 264 128 9|bextr ebx, dword ptr [r8 + rbp + 128], r9d|c4c230f79c2880000000
bextr r32, m32, r32b|2 2086 1 8|bextr edx, dword ptr [rsi + 2*r12 + 1], r8d|c4a238f7546601
bextr r32, m32, r32b|12 12 127 15|bextr r12d, dword ptr [r12 + 127], r15d|c44200f764247f
bextr r64, r64, r64b|3 6 9|bextr rbx, rsi, r9|c4e2b0f7de
bextr r64, r64, r64b|1 2 7|bextr rcx, rdx, rdi|c4e2c0f7ca
bextr r64, r64, r64b|10 13 1|bextr r10, r13, rcx|c442f0f7d5
bextr r64, r64, r64b|12 15 15|bextr r12, r15, r15|c44280f7e7
bextr r64, m64, r64b|3 0 -129 9|bextr rbx, qword ptr [rax - 129], r9|c4e2b0f7987fffffff
bextr r64, m64, r64b|14 295 128 4|bextr r14, qword ptr [rdi + 2*rbp + 128], rsp|c462d8f7b46f80000000
bextr r64, m64, r64b|0 2154 2147483647 6|bextr rax, qword ptr [r10 + 8*r12 + 2147483647], rsi|c482c8f784e2ffffff7f
bextr r64, m64, r64b|12 12 127 15|bextr r12, qword ptr [r12 + 127], r15|c44280f764247f
xchg m8, r8|0 127 6|xchg byte ptr [rax + 127], sil|4086707f
xchg m8, r8|619 -1 15|xchg byte ptr [r11 + 8*rsi - 1], r15b|45867cf3ff
xchg m8, r8|2060 -129 6|xchg byte ptr [r12 + r12 - 129], sil|4386b4247fffffff
xchg m8, r8|12 0 15|xchg byte ptr [r12], r15b|45863c24
xchg m16, r16|0 127 6|xchg word ptr [rax + 127], si|6687707f
xchg m16, r16|524 0 6|xchg word ptr [r12 + rsi], si|6641873434
xchg m16, r16|2062 -2147483648 14|xchg word ptr [r14 + r12 - 2147483648], r14w|664787b42600000080
xchg m16, r16|12 0 15|xchg word ptr [r12], r15w|6645873c24
xchg m32, r32|0 127 6|xchg dword ptr [rax + 127], esi|87707f
xchg m32, r32|590 128 12|xchg dword ptr [r14 + 4*rsi + 128], r12d|4587a4b680000000
xchg m32, r32|2369 2147483647 0|xchg dword ptr [rcx + 4*r13 + 2147483647], eax|428784a9ffffff7f
xchg m32, r32|12 0 15|xchg dword ptr [r12], r15d|45873c24
xchg m64, r64|0 127 6|xchg qword ptr [rax + 127], rsi|4887707f
xchg m64, r64|832 0 4|xchg qword ptr [rax + 4*rdi], rsp|488724b8
xchg m64, r64|2372 1 4|xchg qword ptr [rsp + 4*r13 + 1], rsp|4a8764ac01
xchg m64, r64|12 0 15|xchg qword ptr [r12], r15|4d873c24
xchg r32, r32|3 6|xchg ebx, esi|87de
xchg r32, r32|12 10|xchg r12d, r10d|4587e2
xchg r32, r32|13 6|xchg r13d, esi|4487ee
xchg r32, r32|12 15|xchg r12d, r15d|4587e7
xchg r64, r64|3 6|xchg rbx, rsi|4887de
xchg r64, r64|12 10|xchg r12, r10|4d87e2
xchg r64, r64|13 6|xchg r13, rsi|4c87ee
xchg r64, r64|12 15|xchg r12, r15|4d87e7
lock xadd m32, r32|0 127 6|lock xadd dword ptr [rax + 127], esi|f00fc1707f
lock xadd m32, r32|524 0 6|lock xadd dword ptr [r12 + rsi], esi|f0410fc13434
lock xadd m32, r32|2062 -2147483648 14|lock xadd dword ptr [r14 + r12 - 2147483648], r14d|f0470fc1b42600000080
lock xadd m32, r32|12 0 15|lock xadd dword ptr [r12], r15d|f0450fc13c24
lock xadd m64, r64|0 127 6|lock xadd qword ptr [rax + 127], rsi|f0480fc1707f
lock xadd m64, r64|590 128 12|lock xadd qword ptr [r14 + 4*rsi + 128], r12|f04d0fc1a4b680000000
lock xadd m64, r64|2369 2147483647 0|lock xadd qword ptr [rcx + 4*r13 + 2147483647], rax|f04a0fc184a9ffffff7f
lock xadd m64, r64|12 0 15|lock xadd qword ptr [r12], r15|f04d0fc13c24
lock cmpxchg m32, r32|0 127 6|lock cmpxchg dword ptr [rax + 127], esi|f00fb1707f
lock cmpxchg m32, r32|832 0 4|lock cmpxchg dword ptr [rax + 4*rdi], esp|f00fb124b8
lock cmpxchg m32, r32|2372 1 4|lock cmpxchg dword ptr [rsp + 4*r13 + 1], esp|f0420fb164ac01
lock cmpxchg m32, r32|12 0 15|lock cmpxchg dword ptr [r12], r15d|f0450fb13c24
lock cmpxchg m64, r64|0 127 6|lock cmpxchg qword ptr [rax + 127], rsi|f0480fb1707f
lock cmpxchg m64, r64|768 2147483647 6|lock cmpxchg qword ptr [rax + rdi + 2147483647], rsi|f0480fb1b438ffffff7f
lock cmpxchg m64, r64|2405 127 7|lock cmpxchg qword ptr [rbp + 8*r13 + 127], rdi|f04a0fb17ced7f
lock cmpxchg m64, r64|12 0 15|lock cmpxchg qword ptr [r12], r15|f04d0fb13c24
lock RMW m32, r32|0 0 127 6|lock add dword ptr [rax + 127], esi|f001707f
lock RMW m32, r32|0 612 128 11|lock add dword ptr [rsp + 8*rsi + 128], r11d|f044019cf480000000
lock RMW m32, r32|0 2120 128 4|lock add dword ptr [r8 + 4*r12 + 128], esp|f04301a4a080000000
lock RMW m32, r32|0 12 0 15|lock add dword ptr [r12], r15d|f045013c24
lock RMW m64, r64|0 0 127 6|lock add qword ptr [rax + 127], rsi|f04801707f
lock RMW m64, r64|0 518 127 14|lock add qword ptr [rsi + rsi + 127], r14|f04c0174367f
lock RMW m64, r64|0 2058 128 14|lock add qword ptr [r10 + r12 + 128], r14|f04f01b42280000000
lock RMW m64, r64|0 12 0 15|lock add qword ptr [r12], r15|f04d013c24
lock RMW m32, simm8|0 0 127 -128|lock add dword ptr [rax + 127], -128|f083407f80
lock RMW m32, simm8|0 332 1 -128|lock add dword ptr [r12 + 4*rbp + 1], -128|f0418344ac0180
lock RMW m32, simm8|0 3885 2147483647 1|lock add dword ptr [r13 + 2*r11 + 2147483647], 1|f04383845dffffff7f01
lock RMW m32, simm8|0 4 -1 127|lock add dword ptr [rsp - 1], 127|f0834424ff7f
lock RMW m64, simm8|0 0 127 -128|lock add qword ptr [rax + 127], -128|f04883407f80
lock RMW m64, simm8|0 332 1 -128|lock add qword ptr [r12 + 4*rbp + 1], -128|f0498344ac0180
lock RMW m64, simm8|0 3854 2147483647 -128|lock add qword ptr [r14 + r11 + 2147483647], -128|f04b83841effffff7f80
lock RMW m64, simm8|0 4 -1 127|lock add qword ptr [rsp - 1], 127|f048834424ff7f
lock RMW m32, imm32|0 0 127 -2147483648|lock add dword ptr [rax + 127], 2147483648|f081407f00000080
lock RMW m32, imm32|0 364 -1 -1|lock add dword ptr [r12 + 8*rbp - 1], 4294967295|f0418144ecffffffffff
lock RMW m32, imm32|0 3951 -1 -1|lock add dword ptr [r15 + 8*r11 - 1], 4294967295|f0438144dfffffffffff
lock RMW m32, imm32|0 4 -1 2147483647|lock add dword ptr [rsp - 1], 2147483647|f0814424ffffffff7f
lock RMW m64, simm32|0 0 127 -2147483648|lock add qword ptr [rax + 127], -2147483648|f04881407f00000080
lock RMW m64, simm32|0 365 127 2147483647|lock add qword ptr [r13 + 8*rbp + 127], 2147483647|f0498144ed7fffffff7f
lock RMW m64, simm32|0 3884 -129 2147483647|lock add qword ptr [r12 + 2*r11 - 129], 2147483647|f04b81845c7fffffffffffff7f
lock RMW m64, simm32|0 4 -1 2147483647|lock add qword ptr [rsp - 1], 2147483647|f048814424ffffffff7f
lfence||lfence|0faee8
mfence||mfence|0faef0
call rel32|1000|call 1000|e8e8030000
call rel32|-5|call -5|e8fbffffff
call rel32|1000|call 1000|e8e8030000
call rel32|2147483647|call 2147483647|e8ffffff7f
call r64|3|call rbx|ffd3
call r64|5|call rbp|ffd5
call r64|10|call r10|41ffd2
call r64|15|call r15|41ffd7
call m64|0 127|call qword ptr [rax + 127]|ff507f
call m64|335 128|call qword ptr [r15 + 4*rbp + 128]|41ff94af80000000
call m64|3944 128|call qword ptr [r8 + 8*r11 + 128]|43ff94d880000000
call m64|17 -2147483648|call qword ptr [-2147483648]|ff142500000080
jmp rel8|127|jmp 127|eb7f
jmp rel8|-2|jmp -2|ebfe
jmp rel8|0|jmp 0|eb00
jmp rel8|127|jmp 127|eb7f
jmp rel32|1000|jmp 1000|e9e8030000
jmp rel32|-5|jmp -5|e9fbffffff
jmp rel32|1000|jmp 1000|e9e8030000
jmp rel32|2147483647|jmp 2147483647|e9ffffff7f
jmp r64|3|jmp rbx|ffe3
jmp r64|5|jmp rbp|ffe5
jmp r64|10|jmp r10|41ffe2
jmp r64|15|jmp r15|41ffe7
jmp m64|0 127|jmp qword ptr [rax + 127]|ff607f
jmp m64|335 128|jmp qword ptr [r15 + 4*rbp + 128]|41ffa4af80000000
jmp m64|3911 -1|jmp qword ptr [rdi + 4*r11 - 1]|42ff649fff
jmp m64|16 127|jmp qword ptr [rip + 127]|ff257f000000
jCC rel8|0 127|jo 127|707f
jCC rel8|8 127|js 127|787f
jCC rel8|14 -2|jle -2|7efe
jCC rel8|5 127|jne 127|757f
jCC rel32|0 1000|jo 1000|0f80e8030000
jCC rel32|8 2147483647|js 2147483647|0f88ffffff7f
jCC rel32|14 -5|jle -5|0f8efbffffff
jCC rel32|12 2147483647|jl 2147483647|0f8cffffff7f
ret||ret|c3
int3||int3|cc
ud2||ud2|0f0b
endbr64||endbr64|f30f1efa
syscall||syscall|0f05
nop||nop|90
nop r16|3|nop bx|660f1fc3
nop r16|5|nop bp|660f1fc5
nop r16|10|nop r10w|66410f1fc2
nop r16|15|nop r15w|66410f1fc7
nop m16|0 127|nop word ptr [rax + 127]|660f1f407f
nop m16|335 128|nop word ptr [r15 + 4*rbp + 128]|66410f1f84af80000000
nop m16|3911 -1|nop word ptr [rdi + 4*r11 - 1]|66420f1f449fff
nop m16|16 127|nop word ptr [rip + 127]|660f1f057f000000
nop r32|3|nop ebx|0f1fc3
nop r32|5|nop ebp|0f1fc5
nop r32|10|nop r10d|410f1fc2
nop r32|15|nop r15d|410f1fc7
nop m32|0 127|nop dword ptr [rax + 127]|0f1f407f
nop m32|512 -129|nop dword ptr [rax + rsi - 129]|0f1f84307fffffff
nop m32|3848 1|nop dword ptr [r8 + r11 + 1]|430f1f441801
nop m32|16 -2147483648|nop dword ptr [rip - 2147483648]|0f1f0500000080
`;
