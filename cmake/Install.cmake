# Installs the two programs and, for C++ users, the exported targets gramian::client and gramian::proto.
