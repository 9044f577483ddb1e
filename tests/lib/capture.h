// What the code under test prints: from capture_begin to capture_end, stdout and stderr are files.
#ifndef IDN_TESTS_LIB_CAPTURE_H
#define IDN_TESTS_LIB_CAPTURE_H

extern char out[8000], err[2000]; // what was printed between the last two of these calls

void capture_begin(void);
void capture_end(void);

#endif
