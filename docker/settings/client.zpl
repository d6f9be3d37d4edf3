#  Filestore in containers: the command line
broker = "tcp://broker:8510"
keys = "/var/lib/filestore/client.key"
