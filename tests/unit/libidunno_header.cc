// The public header is valid C++, and its functions have C linkage.
#include "client/idunno.h"

static bool on_row(void *, const idunno_row *row)
{
    return row->status == 0;
}

int main()
{
    idunno_options options = {};
    idunno *session = nullptr;
    idunno_job job = {};

    idunno_code code = idunno_connect(&options, &session);
    if (code == IDUNNO_OK)
        code = idunno_results(session, &job, IDUNNO_ALL, on_row, nullptr);
    idunno_close(&session);
    return code;
}
