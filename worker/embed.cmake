# cmake -DTEXT=bootstrap.py -DOUT=bootstrap.inc -P embed.cmake: a file as a C string constant, a line a line.
file(READ ${TEXT} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n\"" text "${text}")
file(WRITE ${OUT} "// Made from bootstrap.py.\nstatic const char bootstrap[] =\n\"${text}\";\n")
